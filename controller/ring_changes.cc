#include "controller/ring_changes.h"

#include "membership/key.h"

namespace systole::controller {
using membership::RingChange;

RingChanges::RingChanges(membership::Membership& membership, Random& random, Logger log, NodeId self,
                         RingHost host, std::function<void(const membership::ClusterConfig&)> made)
    : membership_(membership),
      random_(random),
      log_(std::move(log)),
      self_(self),
      host_(std::move(host)),
      made_(std::move(made)) {}

void RingChanges::propose(RingChange::Kind kind, Bytes payload, Done done) {
  if (waiting_) return done(fail(Errc::kUnavailable, "another change of the ring is under way: try again"));
  if (auto proposed = membership_.propose(kind, std::move(payload)); !proposed) return done(proposed);
  waiting_ = std::move(done);
}

void RingChanges::reload(Done done) {
  if (!possible()) return done(fail(Errc::kUnsupported, "this node cannot change its ring while it runs"));
  const auto loaded = host_.load();
  if (!loaded) return done(fail(loaded.error()));
  propose(RingChange::Kind::kConfiguration, loaded->digest, std::move(done));
}

void RingChanges::rotate_key(Done done) {
  if (!possible()) return done(fail(Errc::kUnsupported, "this node cannot change its ring while it runs"));
  Bytes key(membership::kNewKey);
  random_.fill(key);
  propose(RingChange::Kind::kKey, std::move(key), std::move(done));
}

void RingChanges::prepare(const RingChange& change) {
  if (change.kind == RingChange::Kind::kKey) {
    host_.store_key(change.payload, true, [this, alive = alive_, id = change.id](Result<void> stored) {
      if (*alive) membership_.prepared(id, std::move(stored), nullptr);
    });
    return;
  }
  prepared_.reset();
  auto loaded = host_.load();
  if (!loaded) return membership_.prepared(change.id, fail(loaded.error()), nullptr);
  if (loaded->digest != change.payload) {
    return membership_.prepared(
        change.id,
        fail(Errc::kInvalidConfig, "its corosync.conf is not the one to be loaded: copy that to it"),
        nullptr);
  }
  for (const std::string& warning : loaded->config.warnings) log_.warning("corosync.conf: {}", warning);
  prepared_ = std::make_shared<membership::ClusterConfig>(std::move(loaded->config));
  membership_.prepared(change.id, {}, prepared_);
}

void RingChanges::changed(const RingChange& change, const Result<void>& outcome) {
  if (change.kind == RingChange::Kind::kConfiguration) {
    if (outcome && prepared_) made_(*prepared_);
    prepared_.reset();
  } else if (outcome) {
    host_.store_key(change.payload, false, [this, alive = alive_, change](const Result<void>& stored) {
      if (*alive) key_stored(change, stored);
    });
    return;
  }
  answer(change, outcome);
}

void RingChanges::key_stored(const RingChange& change, const Result<void>& stored) {
  if (!stored)
    log_.critical(
        "the cluster has a new key, and this node could not store it ({}): copy authkey from another node "
        "before "
        "this one is restarted",
        stored.error().message);
  answer(change, stored);
}

void RingChanges::answer(const RingChange& change, const Result<void>& outcome) {
  if (change.proposer != self_ || !waiting_) return;
  const Done done = std::exchange(waiting_, nullptr);
  done(outcome);
}

}  // namespace systole::controller
