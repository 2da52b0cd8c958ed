#include "supervisor/diagnostics.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace sallyport::supervisor {

void PrintFailure(std::string_view message) {
  std::string text;
  while (!message.empty()) {
    const size_t end = std::min(message.find('\n'), message.size());
    text += fmt::format("sallyport: {}\n", message.substr(0, end));
    message.remove_prefix(std::min(end + 1, message.size()));
  }
  std::fputs(text.c_str(), stderr);
}

}  // namespace sallyport::supervisor
