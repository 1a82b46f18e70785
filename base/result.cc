#include "base/result.h"

namespace systole {

int exit_code(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
      return 64;
    case Errc::kParse:
      return 65;
    case Errc::kInvalidConfig:
      return 78;
    case Errc::kUnavailable:
      return 102;
    case Errc::kOld:
      return 103;
    case Errc::kNotFound:
      return 105;
    case Errc::kNoQuorum:
      return 106;
    case Errc::kExists:
      return 108;
    case Errc::kDenied:
      return 4;
    case Errc::kTimeout:
      return 124;
    case Errc::kUnsupported:
      return 3;
    case Errc::kConflict:
    case Errc::kCorrupt:
    case Errc::kIo:
    case Errc::kCancelled:
      return 1;
  }
  return 1;
}

}  // namespace systole
