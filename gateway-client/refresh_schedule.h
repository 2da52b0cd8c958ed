#ifndef SALLYPORT_GATEWAY_CLIENT_REFRESH_SCHEDULE_H_
#define SALLYPORT_GATEWAY_CLIENT_REFRESH_SCHEDULE_H_

#include <chrono>

#include "base/clock.h"

namespace sallyport::sources {

// When a command is run next, and until when its last output counts. A success is good for the TTL
// and renewed a little before it is over; failures are retried ever more slowly. Pure arithmetic
// on the times it is given.
class RefreshSchedule {
 public:
  explicit RefreshSchedule(std::chrono::seconds ttl);

  void Succeeded(SteadyTime now);
  void Failed(SteadyTime now);

  SteadyTime next_start() const { return next_start_; }
  // SteadyTime::max() before the first success.
  SteadyTime expires() const { return expires_; }

 private:
  const std::chrono::seconds ttl_;
  std::chrono::seconds retry_;
  SteadyTime next_start_ = SteadyTime::min();
  SteadyTime expires_ = SteadyTime::max();
};

}  // namespace sallyport::sources

#endif  // SALLYPORT_GATEWAY_CLIENT_REFRESH_SCHEDULE_H_
