#ifndef SALLYPORT_SUPERVISOR_PROCESS_STAT_H_
#define SALLYPORT_SUPERVISOR_PROCESS_STAT_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::supervisor {

// Of what /proc/PID/stat says of a process (proc(5)).
struct ProcessStat {
  char state = '?';
  pid_t parent = 0;
  uint64_t flags = 0;
  uint64_t threads = 0;

  // It runs no instruction of its own any more: a zombie, or on the way there.
  bool is_over() const;
};

// Nothing where the text is not such a line.
std::optional<ProcessStat> ParseProcessStat(std::string_view text);

// Reads the file `path` from the folder `folder`, as openat(2) has them. Nothing where the process
// is gone.
std::optional<ProcessStat> ReadProcessStat(int folder, const char* path);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_PROCESS_STAT_H_
