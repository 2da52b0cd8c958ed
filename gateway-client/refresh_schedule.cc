#include "gateway-client/refresh_schedule.h"

#include <algorithm>

namespace sallyport::sources {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A command may take 30 s; five more for one quick retry.
constexpr seconds kLongestLead(35);
constexpr seconds kFirstRetry(1);
constexpr seconds kLongestRetry(60);

}  // namespace

RefreshSchedule::RefreshSchedule(seconds ttl)
    : ttl_(std::max(ttl, seconds(1))), retry_(kFirstRetry) {}

void RefreshSchedule::Succeeded(SteadyTime now) {
  retry_ = kFirstRetry;
  expires_ = now + ttl_;
  next_start_ = expires_ - std::min<milliseconds>(milliseconds(ttl_) / 2, kLongestLead);
}

void RefreshSchedule::Failed(SteadyTime now) {
  next_start_ = now + retry_;
  retry_ = std::min(retry_ * 2, kLongestRetry);
}

}  // namespace sallyport::sources
