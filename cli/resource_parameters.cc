#include "cli/crm_resource.h"
#include "cli/document_session.h"
#include "cli/nvpairs.h"
#include "cli/output.h"

namespace systole::cli {
namespace {

PairPlace place_of(const ResourceCall& call, pugi::xml_node resource) {
  const std::string id = resource.attribute("id").value();
  const char* tag = call.parsed.has("utilization") ? "utilization"
                    : call.parsed.has("meta")      ? "meta_attributes"
                                                   : "instance_attributes";
  return {"resources",
          fmt::format("/cib/configuration/resources//*[@id={}]", xpath_literal(id)),
          resource.name(),
          id,
          tag,
          id + "-" + tag};
}

int get(const ResourceCall& call, const cib::Document& document, pugi::xml_node resource,
        const std::string& name) {
  const PairPlace place = place_of(call, resource);
  for (const Found& found : effective_pairs(document, resource, place.set_tag.c_str())) {
    if (found.name != name) continue;
    call.out(printable(found.value) + "\n");
    return 0;
  }
  call.err(fmt::format("Attribute '{}' not found for '{}'\n", printable(name), printable(call.resource)));
  return 0;  // As the original: agents look at the output only.
}

int set(const ResourceCall& call, const cib::Document& document, pugi::xml_node resource,
        const std::string& name) {
  if (!call.parsed.has("parameter-value")) return call.usage("--set-parameter needs --parameter-value");
  const auto done =
      set_pair(call.session, document, place_of(call, resource), name, call.parsed.value("parameter-value"),
               call.parsed.value("set-name"), call.parsed.value("nvpair"));
  if (!done) return report(call.context, done.error(), call.xml);
  if (!call.quiet) {
    call.out(fmt::format("Set '{}' option: id={} set={} name={} value={}\n",
                         printable(resource.attribute("id").value()), printable(done->id),
                         printable(done->set), printable(name), printable(done->value)));
  }
  return 0;
}

int erase(const ResourceCall& call, const cib::Document& document, pugi::xml_node resource,
          const std::string& name) {
  const auto pairs = find_pairs(document, place_of(call, resource), name, call.parsed.value("set-name"),
                                call.parsed.value("nvpair"));
  for (const Pair& pair : pairs) {
    if (const auto done = delete_pair(call.session, pair); !done)
      return report(call.context, done.error(), call.xml);
    if (!call.quiet) {
      call.out(fmt::format("Deleted '{}' option: id={} name={}\n",
                           printable(resource.attribute("id").value()), printable(pair.id), printable(name)));
    }
  }
  return 0;
}

int property(const ResourceCall& call, pugi::xml_node resource, const std::string& command) {
  const std::string name = call.parsed.value(command);
  if (command == "get-property") {
    const pugi::xml_attribute attribute = resource.attribute(name.c_str());
    if (!attribute)
      return report(call.context,
                    {Errc::kNotFound, fmt::format("{} has no attribute {}", call.resource, name)}, call.xml);
    call.out(printable(attribute.value()) + "\n");
    return 0;
  }
  if (name.empty() || xml_id(name) != name)
    return call.usage(fmt::format("\"{}\" cannot be an attribute's name", printable(name)));
  pugi::xml_document xml;
  pugi::xml_node changed = add(xml, resource.name());
  systole::cli::set(changed, "id", resource.attribute("id").value());
  systole::cli::set(changed, name.c_str(), call.parsed.value("parameter-value"));
  cib::Op op;
  op.kind = cib::Op::Kind::kModify;
  op.section = "resources";
  op.xml = cib::to_xml(changed);
  const auto done = call.session.cib(std::move(op));
  return done ? 0 : report(call.context, done.error(), call.xml);
}

int erase_resource(const ResourceCall& call, pugi::xml_node resource) {
  const std::string tag = call.parsed.value("resource-type", resource.name());
  cib::Op op;
  op.kind = cib::Op::Kind::kDelete;
  op.xpath =
      fmt::format("/cib/configuration/resources//{}[@id={}]", xml_id(tag), xpath_literal(call.resource));
  const auto done = call.session.cib(std::move(op));
  return done ? 0 : report(call.context, done.error(), call.xml);
}

}  // namespace

int resource_parameters(const ResourceCall& call, const std::string& command) {
  const auto document = call.session.document();
  if (!document) return report(call.context, document.error(), call.xml);
  const pugi::xml_node resource = find_resource(*document, call.resource);
  if (!resource) return call.not_found();
  const std::string name = call.parsed.value(command);
  if (command == "get-parameter") return get(call, *document, resource, name);
  if (command == "set-parameter") return set(call, *document, resource, name);
  if (command == "delete-parameter") return erase(call, *document, resource, name);
  if (command == "delete") return erase_resource(call, resource);
  return property(call, resource, command);
}

}  // namespace systole::cli
