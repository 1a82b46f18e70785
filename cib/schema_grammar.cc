#include "cib/schema_grammar.h"

#include <unordered_map>

#include "base/check.h"

namespace systole::cib {
namespace {

// NAME: ATTRIBUTE[=TYPE][!]… / CHILD[?|*|+|!]…   "!" required, "..." any attribute besides, "{a b}" one of
// these attributes is required, "[a b]" exactly one of these children, "$x" a group of the lines that begin
// with it.
constexpr std::string_view kTable = R"(
$desc: description
$set: id=id id-ref=same {id id-ref} score=score / rule* nvpair*
$resource: meta_attributes* instance_attributes*
$container: image=nonempty! replicas=uint replicas-per-host=uint masters=uint promoted-max=uint run-command network options
cib: validate-with=nonempty! admin_epoch=uint! epoch=uint! num_updates=uint! ... / configuration! status?
configuration: / crm_config! nodes! resources! constraints! fencing-topology? rsc_defaults? op_defaults? acls? tags? alerts?
crm_config: / cluster_property_set*
cluster_property_set: / $set
rsc_defaults: / meta_attributes*
op_defaults: / meta_attributes*
meta_attributes: / $set
instance_attributes: / $set
utilization: / $set
nvpair: id=id id-ref=same {id id-ref} name value
nodes: / node*
node: id=nonempty! uname=nonempty! type=enum(member|normal|ping|remote) score=score $desc / instance_attributes* utilization*
resources: / primitive* group* clone* master* bundle* template*
primitive: id=id! class=enum(ocf|lsb|heartbeat|stonith|upstart|service|systemd|nagios) provider=nonempty type=nonempty template=template {class template} $desc / $resource operations? utilization*
template: id=id! class=enum(ocf|lsb|heartbeat|stonith|upstart|service|systemd|nagios)! provider=nonempty type=nonempty! $desc / $resource operations? utilization*
group: id=id! $desc / $resource primitive+
clone: id=id! $desc / $resource [primitive group]
master: id=id! $desc / $resource [primitive group]
bundle: id=id! $desc / $resource [docker podman rkt] network? storage? primitive?
docker: / $container
podman: / $container
rkt: / $container
network: ip-range-start control-port=uint host-interface host-netmask=uint add-host=bool / port-mapping*
port-mapping: id=id! port=nonempty internal-port range {port range}
storage: / storage-mapping*
storage-mapping: id=id! source-dir source-dir-root {source-dir source-dir-root} target-dir=nonempty! options
operations: id=id id-ref=same / op*
op: id=id id-ref=same {id id-ref} name=nonempty interval timeout start-delay interval-origin enabled=bool record-pending=bool role=role requires=enum(nothing|quorum|fencing|unfencing) on-fail=enum(ignore|block|demote|stop|restart|standby|fence|restart-container) $desc / $resource
constraints: / rsc_location* rsc_colocation* rsc_order* rsc_ticket*
rsc_location: id=id! rsc=resource rsc-pattern {rsc rsc-pattern resource_set} role=role node=nonempty score=score resource-discovery=enum(always|never|exclusive) / resource_set* rule* lifetime?
rsc_colocation: id=id! rsc=resource with-rsc=resource {rsc resource_set} {with-rsc resource_set} score=score score-attribute score-attribute-mangle rsc-role=role with-rsc-role=role rsc-instance=uint with-rsc-instance=uint node-attribute influence=bool / resource_set* rule* lifetime?
rsc_order: id=id! first=resource then=resource {first resource_set} {then resource_set} first-action=enum(start|promote|demote|stop) then-action=enum(start|promote|demote|stop) first-instance=uint then-instance=uint kind=enum(Optional|Mandatory|Serialize) score=score symmetrical=bool require-all=bool / resource_set* lifetime?
rsc_ticket: id=id! ticket=nonempty! rsc=resource {rsc resource_set} rsc-role=role rsc-instance=uint loss-policy=enum(stop|demote|fence|freeze) / resource_set*
resource_set: id=id id-ref=same {id id-ref} sequential=bool require-all=bool ordering=enum(group|listed) action=enum(start|promote|demote|stop) role=role score=score kind=enum(Optional|Mandatory|Serialize) / resource_ref*
resource_ref: id=resource!
rule: id=id id-ref=same {id id-ref} role=role score=score score-attribute boolean-op=enum(and|or) / expression* date_expression* rsc_expression* op_expression* rule*
expression: id=id! attribute=nonempty! operation=enum(lt|gt|lte|gte|eq|ne|defined|not_defined)! value type=enum(string|integer|number|version) value-source=enum(literal|param|meta)
date_expression: id=id! operation=enum(in_range|date_spec|gt|lt) start end / date_spec? duration?
date_spec: id=id hours monthdays weekdays yeardays yearsdays months weeks years weekyears moon minutes seconds
duration: id=id hours monthdays weekdays yeardays yearsdays days months weeks years weekyears moon minutes seconds
rsc_expression: id=id! class provider type
op_expression: id=id! name=nonempty! interval
lifetime: id=id / rule*
fencing-topology: / fencing-level*
fencing-level: id=id! target target-pattern target-attribute {target target-pattern target-attribute} target-value index=uint! devices=nonempty!
acls: / acl_target* acl_group* acl_role* acl_user*
acl_target: id=nonempty! name / role*
acl_group: id=nonempty! name / role*
role: id=aclrole!
acl_role: id=id! $desc / acl_permission* read* write* deny*
acl_permission: id=id! kind=enum(read|write|deny)! xpath reference=any object-type {xpath reference object-type} attribute $desc
acl_user: id=nonempty! / role_ref* read* write* deny*
role_ref: id=aclrole!
read: id=id! tag ref=any xpath attribute
write: id=id! tag ref=any xpath attribute
deny: id=id! tag ref=any xpath attribute
tags: / tag*
tag: id=id! $desc / obj_ref+
obj_ref: id=any!
alerts: / alert*
alert: id=id! path=nonempty! $desc / meta_attributes* instance_attributes* select? recipient*
recipient: id=id! value=nonempty! $desc / meta_attributes* instance_attributes*
select: / select_nodes? select_fencing? select_resources? select_attributes?
select_nodes:
select_fencing:
select_resources:
select_attributes: / attribute*
attribute: id=id! name=nonempty!
)";

using Words = std::vector<std::string_view>;

// Words, where "{a b}" and "[a b]" are one word each.
Words words_of(std::string_view line) {
  Words words;
  for (std::size_t at = 0; at < line.size();) {
    if (line[at] == ' ') {
      ++at;
      continue;
    }
    const char end = line[at] == '{' ? '}' : line[at] == '[' ? ']' : ' ';
    std::size_t stop = line.find(end, at);
    stop = stop == std::string_view::npos ? line.size() : stop + (end == ' ' ? 0 : 1);
    words.push_back(line.substr(at, stop - at));
    at = stop;
  }
  return words;
}

Grammar::Type type_of(std::string_view word) {
  static constexpr std::pair<std::string_view, Grammar::Type> kTypes[] = {
      {"nonempty", Grammar::Type::kNonEmpty}, {"id", Grammar::Type::kId},
      {"int", Grammar::Type::kInteger},       {"uint", Grammar::Type::kUnsigned},
      {"score", Grammar::Type::kScore},       {"bool", Grammar::Type::kBoolean},
      {"role", Grammar::Type::kRole},         {"resource", Grammar::Type::kResource},
      {"template", Grammar::Type::kTemplate}, {"aclrole", Grammar::Type::kAclRole},
      {"same", Grammar::Type::kSame},         {"any", Grammar::Type::kAny}};
  for (const auto& [name, type] : kTypes)
    if (name == word) return type;
  check(word.empty(), "the grammar names a known type");
  return Grammar::Type::kText;
}

Grammar::Attribute attribute_of(std::string_view word) {
  Grammar::Attribute out;
  out.required = word.ends_with('!');
  if (out.required) word.remove_suffix(1);
  const std::size_t equals = word.find('=');
  out.name = word.substr(0, equals);
  std::string_view type = equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
  if (!type.starts_with("enum(")) {
    out.type = type_of(type);
    return out;
  }
  out.type = Grammar::Type::kEnum;
  type = type.substr(5, type.size() - 6);
  while (!type.empty()) {
    const std::size_t bar = std::min(type.find('|'), type.size());
    out.values.emplace_back(type.substr(0, bar));
    type.remove_prefix(std::min(bar + 1, type.size()));
  }
  return out;
}

class Table {
 public:
  Table() {
    std::string_view rest = kTable;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      if (end > 0) line(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  const Grammar::Element* find(std::string_view name) const {
    const auto at = elements_.find(name);
    return at == elements_.end() ? nullptr : &at->second;
  }

 private:
  void line(std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    if (name.starts_with('$')) {
      groups_[name] = text.substr(colon + 1);
      return;
    }
    Grammar::Element& element = elements_[name];
    element.name = name;
    bool children = false;
    fill(element, text.substr(colon + 1), children);
  }

  void fill(Grammar::Element& element, std::string_view text, bool& children) {
    for (const std::string_view word : words_of(text)) {
      if (word == "/") {
        children = true;
      } else if (word == "...") {
        element.any_attribute = true;
      } else if (word.starts_with('$')) {
        bool inner = element.name.empty() || children;
        // A group that has attributes and children switches by itself; one of children alone follows the "/".
        const std::string_view group = groups_.at(word);
        if (group.find('/') != std::string_view::npos || word == "$container" || word == "$desc")
          inner = false;
        fill(element, group, inner);
      } else if (word.starts_with('{')) {
        element.one_of += (element.one_of.empty() ? "" : ",") + std::string(word.substr(1, word.size() - 2));
      } else if (word.starts_with('[')) {
        element.one_child_of = word.substr(1, word.size() - 2);
        for (const std::string_view child : words_of(element.one_child_of))
          element.children.push_back({std::string(child), false, false});
      } else if (children) {
        const char mark = word.back();
        element.children.push_back({std::string(word.substr(0, word.size() - 1)), mark == '!' || mark == '+',
                                    mark == '*' || mark == '+'});
      } else {
        element.attributes.push_back(attribute_of(word));
      }
    }
  }

  std::unordered_map<std::string_view, std::string_view> groups_;
  std::unordered_map<std::string_view, Grammar::Element> elements_;
};

}  // namespace

const Grammar::Attribute* Grammar::Element::attribute(std::string_view wanted) const {
  for (const Attribute& a : attributes)
    if (a.name == wanted) return &a;
  return nullptr;
}

const Grammar::Child* Grammar::Element::child(std::string_view wanted) const {
  for (const Child& c : children)
    if (c.name == wanted) return &c;
  return nullptr;
}

const Grammar::Element* Grammar::find(std::string_view name) {
  static const Table table;
  return table.find(name);
}

}  // namespace systole::cib
