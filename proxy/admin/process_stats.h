#ifndef SALLYPORT_PROXY_ADMIN_PROCESS_STATS_H_
#define SALLYPORT_PROXY_ADMIN_PROCESS_STATS_H_

namespace sallyport::admin {

// Of this process; doubles because that is what metrics are.
struct ProcessStats {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  double virtual_bytes = 0;
  double start_time = 0;  // seconds since the epoch
  double threads = 0;
  double open_fds = 0;
  double max_fds = 0;
};

// From getrusage(2), getrlimit(2) and proc(5). What cannot be read is 0.
ProcessStats ReadProcessStats();

}  // namespace sallyport::admin

#endif  // SALLYPORT_PROXY_ADMIN_PROCESS_STATS_H_
