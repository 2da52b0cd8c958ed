#include "supervisor/process_stat.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>

#include "base/unique_fd.h"

namespace sallyport::supervisor {
namespace {

// PF_EXITING of the kernel's <linux/sched.h>, which field 9 shows.
constexpr uint64_t kExiting = 0x4;

// Takes a decimal number and the space before it off the front.
template <typename Number>
bool TakeNumber(std::string_view* text, Number* number) {
  if (!text->starts_with(' ')) return false;
  const char* const begin = text->data() + 1;
  const auto [end, error] = std::from_chars(begin, text->data() + text->size(), *number);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

bool SkipNumbers(std::string_view* text, int count) {
  int64_t skipped = 0;
  for (int i = 0; i < count; ++i) {
    // Some of them have 64 bits without a sign.
    uint64_t large = 0;
    if (!TakeNumber(text, &skipped) && !TakeNumber(text, &large)) return false;
  }
  return true;
}

}  // namespace

bool ProcessStat::is_over() const {
  // Of a thread group whose first thread has ended the state is a zombie's too.
  const bool ended = state == 'Z' || state == 'X' || (flags & kExiting) != 0;
  return ended && threads <= 1;
}

std::optional<ProcessStat> ParseProcessStat(std::string_view text) {
  // "PID (COMM) STATE PPID …": the name may hold anything, spaces and brackets too.
  const size_t name_end = text.rfind(") ");
  if (name_end == text.npos || name_end + 2 >= text.size()) return std::nullopt;
  ProcessStat stat;
  stat.state = text[name_end + 2];
  text.remove_prefix(name_end + 3);
  // The parent is field 4, the flags are 9, the threads 20.
  if (!TakeNumber(&text, &stat.parent) || !SkipNumbers(&text, 4) ||
      !TakeNumber(&text, &stat.flags) || !SkipNumbers(&text, 10) ||
      !TakeNumber(&text, &stat.threads)) {
    return std::nullopt;
  }
  return stat;
}

std::optional<ProcessStat> ReadProcessStat(int folder, const char* path) {
  const UniqueFd fd(openat(folder, path, O_RDONLY | O_CLOEXEC));
  // 52 numbers of at most 20 digits, and a name of at most 64 bytes.
  char buffer[1280];
  const ssize_t size = fd ? read(fd.get(), buffer, sizeof(buffer)) : -1;
  if (size <= 0) return std::nullopt;
  return ParseProcessStat({buffer, static_cast<size_t>(size)});
}

}  // namespace sallyport::supervisor
