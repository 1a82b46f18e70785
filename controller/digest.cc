#include "controller/digest.h"

#include "pengine/digest.h"

namespace systole::controller {

std::string operation_digest(const std::map<std::string, std::string>& attributes) {
  return pengine::operation_digest({attributes.begin(), attributes.end()});
}

}  // namespace systole::controller
