// The configure level: its commands with their usage and help.
#include "cli/crm/configure_commands.h"
#include "cli/crm/configure_files.h"
#include "cli/crm/simulate.h"

namespace systole::crm {
namespace {

constexpr Command kCommands[] = {
    {.name = "primitive",
     .usage =
         "<id> {[<class>:[<provider>:]]<type> | @<template>} [description=<text>] [params <name>=<value>...] "
         "[meta <name>=<value>...] [utilization <name>=<value>...] [operations $id=<id>] [op <name> "
         "[<name>=<value>...]...]",
     .brief = "define a resource",
     .help = "A resource: something that the cluster starts, watches and stops through an agent.\n\n"
             "  primitive WebIP ocf:heartbeat:IPaddr2 params ip=192.0.2.10 cidr_netmask=24 op monitor "
             "interval=10s\n"
             "  primitive WebSite lsb:httpd\n\n"
             "params go to the agent (`ra info AGENT` lists them), meta to the cluster (target-role, "
             "is-managed,\n"
             "resource-stickiness, migration-threshold…), op says how often and how long (monitor "
             "interval=10s timeout=20s).\n"
             "The class may be left away for ocf:heartbeat. params may be left away as a word.",
     .run = run_define,
     .args = {Arg::kNone, Arg::kAgent, Arg::kDefinition}},
    {.name = "group",
     .usage = "<id> <primitive> [<primitive>...] [description=<text>] [meta <name>=<value>...]",
     .brief = "resources that run together, one after the other",
     .help = "The members run on one node, are started in this order and stopped in the reverse one.\n\n"
             "  group web WebIP WebFS WebSite",
     .run = run_define,
     .args = {Arg::kNone, Arg::kPrimitive}},
    {.name = "clone",
     .usage = "<id> <primitive or group> [description=<text>] [meta <name>=<value>...]",
     .brief = "a resource that runs on several nodes",
     .help = "  clone ping-everywhere ping meta interleave=true\n\n"
             "meta: clone-max, clone-node-max, interleave, ordered, notify, globally-unique; promotable=true "
             "makes one of\n"
             "them the promoted one (see ms).",
     .run = run_define,
     .args = {Arg::kNone, Arg::kResource, Arg::kMetaAttribute}},
    {.name = "ms",
     .usage = "<id> <primitive or group> [description=<text>] [meta <name>=<value>...]",
     .brief = "a clone with promoted instances",
     .help = "  ms drbd-clone drbd meta promoted-max=1 clone-max=2 notify=true",
     .run = run_define,
     .args = {Arg::kNone, Arg::kResource, Arg::kMetaAttribute},
     .other_names = "master"},
    {.name = "promotable",
     .usage = "<id> <primitive or group> [meta <name>=<value>...]",
     .brief = "a clone with promotable=true",
     .help = "  promotable drbd-clone drbd meta promoted-max=1 notify=true\n\nThe newer form of ms.",
     .run = run_define,
     .args = {Arg::kNone, Arg::kResource, Arg::kMetaAttribute}},
    {.name = "location",
     .usage = "<id> {<rsc> | /<pattern>/ | { <rsc>... }} [role=<role>] "
              "[resource-discovery=always|never|exclusive] "
              "{<score>: <node> | rule [role=<role>] <score>: <expression> [{and|or} <expression>...]...}",
     .brief = "where a resource may or should run",
     .help = "  location prefer-node1 WebSite 200: node1\n"
             "  location never-on-3 WebSite -inf: node3\n"
             "  location connected WebSite rule -inf: not_defined pingd or pingd lte 0\n\n"
             "Expressions: ATTRIBUTE [number:|string:|version:]{eq|ne|lt|lte|gt|gte} VALUE, defined "
             "ATTRIBUTE, not_defined\n"
             "ATTRIBUTE, date {lt|gt} MOMENT, date in start=… end=…, date spec hours=9-16 weekdays=1-5. "
             "#uname is the node's name.",
     .run = run_define,
     .args = {Arg::kNone, Arg::kResource, Arg::kNode}},
    {.name = "colocation",
     .usage =
         "<id> <score>: <rsc>[:<role>] <with-rsc>[:<role>] [node-attribute=<name>] | <id> <score>: <set>...",
     .brief = "resources that run together, or never",
     .help = "The first is placed where the second is:\n\n"
             "  colocation site-with-ip inf: WebSite WebIP\n"
             "  colocation apart -inf: db1 db2\n"
             "  colocation chain inf: site ( fs1 fs2 ) drbd:Master\n\n"
             "Sets: a b c in sequence, ( a b ) side by side.",
     .run = run_define,
     .args = {Arg::kNone, Arg::kNone, Arg::kResource},
     .other_names = "collocation"},
    {.name = "order",
     .usage = "<id> [{Mandatory|Optional|Serialize}:] <first>[:<action>] <then>[:<action>] "
              "[symmetrical=<bool>] | <id> "
              "[<kind>:] <set>...",
     .brief = "what is started before what",
     .help = "  order ip-first Mandatory: WebIP WebSite\n"
             "  order promoted-first Mandatory: drbd-clone:promote fs:start\n"
             "  order all-then-app Mandatory: ( fs1 fs2 ) app\n\n"
             "Mandatory: never without; Optional: only if both change at once; Serialize: never at once. [ a "
             "b ]: any of them.",
     .run = run_define,
     .args = {Arg::kNone, Arg::kNone, Arg::kResource}},
    {.name = "rsc_ticket",
     .usage = "<id> <ticket>: <rsc>[:<role>] [<rsc>[:<role>]...] [loss-policy=stop|demote|fence|freeze]",
     .brief = "resources that need a ticket",
     .help = "  rsc_ticket db-site ticketA: db loss-policy=fence",
     .run = run_define,
     .args = {Arg::kNone, Arg::kNone, Arg::kResource}},
    {.name = "property",
     .usage = "[<set id>:] <name>=<value>...",
     .brief = "options of the cluster",
     .help = "  property stonith-enabled=false no-quorum-policy=ignore\n\n"
             "stonith-enabled, no-quorum-policy (stop, ignore, freeze, suicide), maintenance-mode, "
             "symmetric-cluster,\n"
             "stop-all-resources, start-failure-is-fatal, batch-limit, cluster-recheck-interval, "
             "priority-fencing-delay…",
     .run = run_define,
     .args = {Arg::kProperty}},
    {.name = "rsc_defaults",
     .usage = "[<set id>:] <name>=<value>...",
     .brief = "defaults of meta attributes",
     .help = "  rsc_defaults resource-stickiness=100 migration-threshold=3",
     .run = run_define,
     .args = {Arg::kMetaAttribute}},
    {.name = "op_defaults",
     .usage = "[<set id>:] <name>=<value>...",
     .brief = "defaults of operations",
     .help = "  op_defaults timeout=30s",
     .run = run_define},
    {.name = "node",
     .usage = "[<id>:] <name>[:<type>] [description=<text>] [attributes <name>=<value>...] [utilization "
              "<name>=<value>...]",
     .brief = "attributes of a node",
     .help = "  node node1 attributes rack=r7 utilization cpu=8\n\nWhat is named is added to what is there.",
     .run = run_define,
     .args = {Arg::kNode}},
    {.name = "tag",
     .usage = "<id>: <object> [<object>...]",
     .brief = "a name for several objects",
     .help = "  tag web: WebIP WebSite",
     .run = run_define,
     .args = {Arg::kNone, Arg::kObject}},
    {.name = "rsc_template",
     .usage = "<id> [<class>:[<provider>:]]<type> [params …] [meta …] [op …]",
     .brief = "what several primitives share",
     .help = "  rsc_template vm ocf:heartbeat:VirtualDomain params hypervisor=qemu:///system op monitor "
             "interval=30s\n"
             "  primitive vm1 @vm params config=/etc/vm1.xml",
     .run = run_define,
     .args = {Arg::kNone, Arg::kAgent, Arg::kDefinition},
     .other_names = "template"},
    {.name = "fencing_topology",
     .usage = "[<node>: | pattern:<regex>: | attr:<name>=<value>:] <device>[,<device>...] [<device>...] ...",
     .brief = "which fencing device is tried when",
     .help = "  fencing_topology node1: ipmi1 pdu1,pdu2 node2: ipmi2\n\n"
             "Levels are tried from left to right; devices joined by a comma must all succeed.",
     .run = run_define,
     .args = {Arg::kNode, Arg::kPrimitive}},
    {.name = "role",
     .usage = "<id> {read|write|deny} {xpath:<path> | ref:<id> | type:<element> [attr:<name>]}...",
     .brief = "rights, to be given to users",
     .help = "  role operator write xpath://crm_config read xpath:/cib\n  acl_target bob operator",
     .run = run_define},
    {.name = "acl_target",
     .usage = "<user> <role>...",
     .brief = "roles of a user",
     .help = "  acl_target bob operator",
     .run = run_define},
    {.name = "acl_group",
     .usage = "<group> <role>...",
     .brief = "roles of a Unix group",
     .help = "  acl_group ops operator",
     .run = run_define},
    {.name = "xml",
     .usage = "<element>",
     .brief = "an object as it stands in the CIB",
     .help = "For what this language cannot say (bundle, alert, nested rules):\n\n"
             "  xml <alert id=\"mail\" path=\"/usr/share/systole/alerts/mail\"/>",
     .run = run_define},
    {.name = "show",
     .usage = "[xml] [changed] [<id>... | type:<kind> | tag:<tag> | related:<id> | <pattern>]",
     .brief = "the configuration",
     .help = "  show                 everything\n  show WebIP           one object\n  show xml WebIP       "
             "as XML\n"
             "  show changed         what differs from the cluster\n  show type:location   one kind\n"
             "  show related:WebIP   what names it\n  show 'web*'          by pattern",
     .run = run_show,
     .args = {Arg::kObject}},
    {.name = "edit",
     .usage = "[xml] [<id>...]",
     .brief = "change objects in an editor",
     .help = "Opens the objects (all without an id) in $EDITOR; what is saved replaces them, what is taken "
             "out is deleted.",
     .run = run_edit,
     .args = {Arg::kObject}},
    {.name = "set",
     .usage = "<id>.<attribute> <value>",
     .brief = "change one attribute",
     .help = "  set WebIP.ip 192.0.2.11",
     .run = run_set,
     .args = {Arg::kObject}},
    {.name = "modgroup",
     .usage = "<group> add <id> [after|before <id>] | <group> remove <id>",
     .brief = "change a group's members",
     .help = "  modgroup web add WebFS after WebIP\n  modgroup web remove WebFS",
     .run = run_modgroup,
     .args = {Arg::kGroup, Arg::kNone, Arg::kPrimitive}},
    {.name = "delete",
     .usage = "[--force] <id> [<id>...]",
     .brief = "delete objects",
     .help = "Deletes the objects and what hangs on them (constraints, their place in tags and sets). A "
             "running resource is\n"
             "not deleted, unless forced.",
     .run = run_delete,
     .args = {Arg::kObject},
     .other_names = "rm"},
    {.name = "rename",
     .usage = "<id> <new id>",
     .brief = "rename an object everywhere",
     .help = "  rename WebSite Site",
     .run = run_rename,
     .args = {Arg::kObject}},
    {.name = "erase",
     .usage = "[nodes]",
     .brief = "delete everything",
     .help = "Deletes all but the nodes (with `nodes`: those too) from the working copy.",
     .run = run_erase},
    {.name = "verify",
     .usage = "",
     .brief = "look for mistakes before committing",
     .help = "Structure, references, the agents' parameters and timeouts, and what the scheduler says.",
     .run = run_configure_verify},
    {.name = "validate_all",
     .usage = "<primitive>",
     .brief = "check one resource against its agent",
     .help = "",
     .run = run_validate_all,
     .args = {Arg::kPrimitive},
     .other_names = "validate-all"},
    {.name = "commit",
     .usage = "[force]",
     .brief = "put the changes into the cluster",
     .help = "The changes are checked and merged into what the cluster has by now; what others changed "
             "meanwhile stays. Where\n"
             "both changed the same thing, nothing is committed and the objects are named. With force, "
             "errors of agents'\n"
             "parameters and of the scheduler do not stop it.",
     .run = run_commit},
    {.name = "refresh",
     .usage = "",
     .brief = "drop the changes and read anew",
     .help = "Begins again with what the cluster has now.",
     .run = run_refresh},
    {.name = "load",
     .usage = "[xml] {replace|update|push} <file>",
     .brief = "read objects from a file",
     .help = "update adds and replaces objects, replace drops everything else (but nodes), push is replace "
             "with all that is\n"
             "missing in the file deleted. `-` is standard input.\n\n  load update /root/web.crm",
     .run = run_load,
     .args = {Arg::kMethod, Arg::kFile}},
    {.name = "save",
     .usage = "[xml] {<file> | -} [<id>...]",
     .brief = "write objects to a file",
     .help = "  save /root/cluster.crm\n  save xml - WebIP",
     .run = run_save,
     .args = {Arg::kFile, Arg::kObject}},
    {.name = "simulate",
     .usage = "[nograph] [scores] [utilization] [actions]",
     .brief = "what the cluster would do",
     .help = "Shows what would happen if the changes were committed now; nothing is committed.",
     .run = run_simulate,
     .other_names = "ptest"},
    {.name = "get_property",
     .usage = "[-t] <name>...",
     .brief = "value of a cluster property",
     .help = "  get_property stonith-enabled\n\nThe default where it is not set.",
     .run = run_get_property,
     .args = {Arg::kProperty},
     .other_names = "get-property"},
    {.name = "schema",
     .usage = "[<name>]",
     .brief = "the schema that the CIB is validated with",
     .help = "",
     .run = run_schema},
};

constexpr Level kLevel = {
    .name = "configure",
    .brief = "the configuration: resources, constraints, properties",
    .help =
        "The configuration. Changes are made on a copy; `show changed` shows them, `verify` checks them, "
        "`commit` puts them\n"
        "into the cluster. From the command line, `crm configure primitive …` commits at once.",
    .commands = kCommands};

}  // namespace

const Level& configure_level() { return kLevel; }

}  // namespace systole::crm
