#include "proxy/net/resolver.h"

#include <fmt/core.h>
#include <netdb.h>
#include <uv.h>

#include <algorithm>
#include <utility>

#include "proxy/net/uv_status.h"

namespace sallyport::net {
namespace {

constexpr uint64_t kKeepMs = 30'000;
constexpr size_t kMaxAnswers = 1024;

std::vector<IpAddress> Collect(const addrinfo* list) {
  std::vector<IpAddress> addresses;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    const std::optional<IpAddress> address = IpAddress::FromSockaddr(entry->ai_addr);
    if (address.has_value() &&
        std::find(addresses.begin(), addresses.end(), *address) == addresses.end()) {
      addresses.push_back(*address);
    }
  }
  return addresses;
}

}  // namespace

// One look-up under way. Lives until libuv calls back, which may be after the Resolver is gone.
struct Resolver::Query {
  uv_getaddrinfo_t request;
  Resolver* owner;
  std::string host;
  std::vector<Listener*> listeners;
};

// A kept answer. Listeners are told from a turn task, not from inside Resolve.
struct Resolver::Answer final : private TurnTask {
  explicit Answer(EventLoop* loop) : loop(loop) {}
  ~Answer() { loop->Cancel(this); }

  void Tell(Listener* listener) {
    waiting.push_back(listener);
    loop->Schedule(this);
  }
  void OnTurnEnd() override {
    // A listener may ask again, or cancel others, while it is told.
    while (!waiting.empty()) {
      Listener* listener = waiting.back();
      waiting.pop_back();
      listener->OnResolved(addresses);
    }
  }

  EventLoop* loop;
  absl::StatusOr<std::vector<IpAddress>> addresses;
  uint64_t expires = 0;
  std::vector<Listener*> waiting;
};

Resolver::Resolver(EventLoop* loop) : loop_(loop) {}

Resolver::~Resolver() {
  for (auto& [host, query] : queries_) {
    query->owner = nullptr;
    uv_cancel(reinterpret_cast<uv_req_t*>(&query->request));
  }
}

void Resolver::Resolve(const std::string& host, Listener* listener) {
  if (const auto kept = answers_.find(host);
      kept != answers_.end() && kept->second->expires > loop_->now_ms()) {
    kept->second->Tell(listener);
    return;
  }
  if (const auto running = queries_.find(host); running != queries_.end()) {
    running->second->listeners.push_back(listener);
    return;
  }
  auto* query = new Query{{}, this, host, {listener}};
  query->request.data = query;
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  queries_.emplace(host, query);
  CheckUv(uv_getaddrinfo(
              loop_->uv(), &query->request,
              [](uv_getaddrinfo_t* request, int status, addrinfo* result) {
                const std::unique_ptr<Query> query(static_cast<Query*>(request->data));
                if (query->owner != nullptr) {
                  std::vector<IpAddress> addresses = Collect(result);
                  if (status == 0 && addresses.empty()) status = UV_EAI_NODATA;
                  if (status == 0) {
                    query->owner->Finish(query.get(), std::move(addresses));
                  } else {
                    query->owner->Finish(
                        query.get(),
                        UvStatus(status, fmt::format("cannot resolve {}", query->host)));
                  }
                }
                uv_freeaddrinfo(result);
              },
              query->host.c_str(), nullptr, &hints),
          "uv_getaddrinfo");
}

void Resolver::Finish(Query* query, const absl::StatusOr<std::vector<IpAddress>>& addresses) {
  queries_.erase(query->host);
  if (addresses.ok()) {
    ForgetExpired();
    auto& answer = answers_[query->host];
    if (answer == nullptr) answer = std::make_unique<Answer>(loop_);
    answer->addresses = addresses;
    answer->expires = loop_->now_ms() + kKeepMs;
  }
  while (!query->listeners.empty()) {
    Listener* listener = query->listeners.front();
    query->listeners.erase(query->listeners.begin());
    listener->OnResolved(addresses);
  }
}

void Resolver::ForgetExpired() {
  if (answers_.size() < kMaxAnswers) return;
  const uint64_t now = loop_->now_ms();
  absl::erase_if(answers_, [now](const auto& entry) {
    return entry.second->waiting.empty() && entry.second->expires <= now;
  });
  // All fresh: a program that looks up a thousand names in half a minute gains nothing from a
  // cache.
  if (answers_.size() >= kMaxAnswers) {
    absl::erase_if(answers_, [](const auto& entry) { return entry.second->waiting.empty(); });
  }
}

void Resolver::Cancel(Listener* listener) {
  for (auto& [host, query] : queries_) std::erase(query->listeners, listener);
  for (auto& [host, answer] : answers_) std::erase(answer->waiting, listener);
}

}  // namespace sallyport::net
