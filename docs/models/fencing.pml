/* Fence before recover: one resource that may be active once, three nodes, any cuts, crashes and restarts.
 *
 * The model is of the rules, not of the code. What membership and cib promise is taken as given: a view comes whole,
 * at any moment; a message of a view reaches those of its members that the network still reaches, its sender always;
 * the members of a new view go on from one document. What is checked is what controller and fencer make of that
 * (docs/design.md §5, invariants 1, 2 and 8): never do two machines that have power run the resource.
 *
 * FAULTS bounds cuts, losses of power, killed daemons and failed devices together. Each rule can be left out, and the
 * check must then find a violation (tests/models.py):
 *   NO_FENCING    who is lost need not be confirmed down before the resource starts elsewhere
 *   FAILED_IS_OK  a fencing that failed counts as done
 *   ANY_LIFE      a confirmation counts for whatever life the node was last known in
 *   NO_PROBE      a daemon that joins does not say what runs on its machine
 *   ALL_COUNTS    what a minority makes of an ending view counts like what a majority made
 */
#define N 3
#define ALL 7
#define NONE 7
#define IN(set, i) (((set) >> (i)) & 1)
#define SIZE(set) (IN(set, 0) + IN(set, 1) + IN(set, 2))
#define LOWEST(set) (IN(set, 0) -> 0 : (IN(set, 1) -> 1 : 2))
#define DC(i) (view[i] != 0 && LOWEST(view[i]) == i && SIZE(view[i]) >= 2)
#define REACHES(i, j) (view[j] == view[i] && side[j] == side[i])
#ifndef FAULTS
#define FAULTS 3
#endif

/* The world. */
bool power[N], runs[N];
bool side[N];    /* Of a cut: nodes of one side reach one another. */
byte life[N];    /* Of the daemon. */
byte faults;

/* What each daemon knows; view 0: there is no daemon. */
byte view[N];
byte version[N];    /* Of its document, 0: it has none. The document says: */
byte owner[N];      /* who runs the resource, */
byte down[N];       /* who is confirmed down, */
byte known[N * N];  /* and in which life each node was last seen. */

/* One shot at a time: who asked, at whom, in which life, and what became of it. */
#define ASKED 1
#define DONE 2
#define FAILED 3
byte shot, by, target, target_life;

byte i, j, k, best, set;  /* Of the step under way. */

/* Of versions only the order matters, of lives only whether they are the same, and which side of a cut is called 0
 * does not matter: equal states are made to look equal, so that there are few of them. */
#define RANK(a, b, c) ((version[a] > 0) + (version[b] > 0 && version[b] < version[a]) + \
                       (version[c] > 0 && version[c] < version[a] && version[c] != version[b]))
#define HOLDS(n, v) (life[n] == v || known[n] == v || known[N + n] == v || known[2 * N + n] == v || \
                     (shot != 0 && target == n && target_life == v))
#define LOWER(x) x = x - (x > best)
inline renumber(n) {
  best = 5;
  do
  :: best > 0 && !HOLDS(n, best) ->
     LOWER(life[n]); LOWER(known[n]); LOWER(known[N + n]); LOWER(known[2 * N + n]);
     if
     :: shot != 0 && target == n -> LOWER(target_life)
     :: else
     fi;
     best--
  :: best > 0 && HOLDS(n, best) -> best--
  :: else -> break
  od
}
inline tidy() {
  j = RANK(0, 1, 2); k = RANK(1, 0, 2); version[2] = RANK(2, 0, 1);
  version[0] = j; version[1] = k;
  renumber(0); renumber(1); renumber(2);
  if
  :: side[0] -> side[0] = false; side[1] = !side[1]; side[2] = !side[2]
  :: else
  fi;
  i = 0; j = 0; k = 0; best = 0; set = 0
}

inline forget(n) {
  view[n] = 0; version[n] = 0; owner[n] = NONE; down[n] = 0;
  known[n * N] = 0; known[n * N + 1] = 0; known[n * N + 2] = 0
}

/* An ordered message of i's view: every member that i still reaches applies it. What not more than half of a view make
 * of it as it ends carries no mark of its majority: it does not win over what the others made. */
#define REACHED(i) (REACHES(i, 0) + REACHES(i, 1) + REACHES(i, 2))
inline tell(new_owner, new_down) {
#ifdef ALL_COUNTS
  best = version[i] + 1;
#else
  best = version[i] + (SIZE(view[i]) >= 2 && 2 * REACHED(i) > SIZE(view[i]));
#endif
  for (j : 0 .. N - 1) {
    if
    :: REACHES(i, j) -> version[j] = best; owner[j] = new_owner; down[j] = new_down
    :: else
    fi
  }
}

/* The daemons of one side install one view, go on from the newest of their documents, and say what runs on their
 * machines. */
inline form_view(s) {
  set = 0; best = 0;
  for (j : 0 .. N - 1) {
    if
    :: side[j] == s && power[j] ->
       if
       :: set == 0 || version[j] > version[best] -> best = j
       :: else
       fi;
       set = set | (1 << j)
    :: else
    fi
  }
  k = owner[best];
#ifndef NO_PROBE
  if
  :: k != NONE && IN(set, k) -> k = NONE
  :: else
  fi;
  for (j : 0 .. N - 1) {
    if
    :: IN(set, j) && runs[j] -> k = j
    :: else
    fi
  }
#else
  /* Who joins in a new life is taken to run nothing. */
  if
  :: k != NONE && IN(set, k) && known[best * N + k] != life[k] -> k = NONE
  :: else
  fi;
#endif
  for (i : 0 .. N - 1) {
    if
    :: IN(set, i) ->
       owner[i] = k; down[i] = down[best] & (ALL - set);
       for (j : 0 .. N - 1) {
         known[i * N + j] = (IN(set, j) -> life[j] : known[best * N + j])
       }
       view[i] = set
    :: else
    fi
  }
  /* What a majority writes wins over all that went before. */
  k = version[best] + (SIZE(set) >= 2);
  for (i : 0 .. N - 1) {
    if
    :: IN(set, i) -> version[i] = k
    :: else
    fi
  }
}

inline lose_power(n) {
  life[n] = life[n] + (view[n] != 0);
  power[n] = false; runs[n] = false;
  forget(n)
}

/* A choice of i and, for two, of set. */
inline one() { if :: i = 0 :: i = 1 :: i = 2 fi }
inline two() { one(); if :: set = 0 :: set = 1 :: set = 2 fi }
#define NOTHING d_step { i = 0; set = 0 }
#define FAULT faults < FAULTS

active proctype world() {
  d_step {
    for (i : 0 .. N - 1) { power[i] = true; life[i] = 1; forget(i) }
    form_view(0); tidy()
  }
  do
  /* Somebody changes sides. */
  :: atomic { FAULT -> one(); d_step { faults++; side[i] = !side[i]; tidy() } }
  :: atomic { FAULT -> one();
     if
     :: power[i] -> d_step { faults++; lose_power(i); tidy() }
     :: else -> NOTHING
     fi }
  /* The daemon alone is killed, and started again. */
  :: atomic { FAULT -> one();
     if
     :: view[i] != 0 -> d_step { faults++; life[i]++; forget(i); tidy() }
     :: else -> NOTHING
     fi }
  :: atomic { one(); d_step { power[i] = true; tidy() } }
  :: d_step { form_view(0); tidy() }
  :: d_step { form_view(1); tidy() }
  /* no-quorum-policy=stop, some time or never. */
  :: atomic { one();
     if
     :: SIZE(view[i]) < 2 -> d_step { runs[i] = false; tidy() }
     :: else -> NOTHING
     fi }
  /* The DC: nobody runs it, and all who could are here or confirmed down. The message is also the start. */
  :: atomic { two();
     if
     :: (DC(i) && owner[i] == NONE && IN(view[i], set)
#ifndef NO_FENCING
         && (view[i] | down[i]) == ALL
#endif
        ) ->
        d_step {
          runs[set] = runs[set] || REACHES(i, set);
          tell(set, down[i]);
          tidy();
          assert((power[0] && runs[0]) + (power[1] && runs[1]) + (power[2] && runs[2]) <= 1)
        }
     :: else -> NOTHING
     fi }
  /* The DC: somebody is neither here nor confirmed down, and is shot in the life that he was last seen in. */
  :: atomic { shot == 0 -> two();
     if
     :: DC(i) && !IN(view[i] | down[i], set) ->
        d_step { shot = ASKED; by = i; target = set; target_life = known[i * N + set]; tidy() }
     :: else -> NOTHING
     fi }
  /* The device, some time: it shoots, and may fail to say so; or it fails. */
  :: d_step { shot == ASKED -> lose_power(target); shot = DONE; tidy() }
  :: d_step { shot == ASKED && FAULT -> faults++; lose_power(target); shot = FAILED; tidy() }
  :: d_step { shot == ASKED && FAULT -> faults++; shot = FAILED; tidy() }
  /* The outcome, some time, to the view that who asked is in by then. */
  :: d_step { shot == DONE || shot == FAILED -> i = by;
     if
     :: (view[i] != 0 && !IN(view[i], target)
#ifndef FAILED_IS_OK
         && shot == DONE
#endif
#ifndef ANY_LIFE
         && known[i * N + target] == target_life
#endif
        ) ->
        tell((owner[i] == target -> NONE : owner[i]), down[i] | (1 << target))
     :: else
     fi;
     shot = 0; by = 0; target = 0; target_life = 0;
     tidy() }
  od
}
