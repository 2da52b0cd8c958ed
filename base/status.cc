#include "base/status.h"

#include <string>

namespace sallyport {

absl::Status ErrnoStatus(int error, std::string_view what) {
  return absl::ErrnoToStatus(error, std::string(what));
}

}  // namespace sallyport
