#ifndef SALLYPORT_PROXY_DNS_RESPONDER_H_
#define SALLYPORT_PROXY_DNS_RESPONDER_H_

#include <functional>
#include <string>
#include <string_view>

#include "proxy/dns/name_addresses.h"
#include "rules/authority.h"

namespace sallyport::dns {

// Answers queries about names without asking anybody: a name that may be reached has the addresses
// that stand for it, every other one does not exist. So no query ever leaves, and none can carry
// anything out. One thread.
class Responder {
 public:
  // `is_allowed` gets canonical names. `addresses` outlives this object.
  Responder(std::function<bool(const rules::Host& host)> is_allowed, NameAddresses* addresses)
      : is_allowed_(std::move(is_allowed)), addresses_(addresses) {}

  // The reply to one message; empty for none.
  std::string Answer(std::string_view message);

 private:
  const std::function<bool(const rules::Host&)> is_allowed_;
  NameAddresses* const addresses_;
};

}  // namespace sallyport::dns

#endif  // SALLYPORT_PROXY_DNS_RESPONDER_H_
