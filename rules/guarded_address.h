#ifndef SALLYPORT_RULES_GUARDED_ADDRESS_H_
#define SALLYPORT_RULES_GUARDED_ADDRESS_H_

#include <cstdint>
#include <string_view>

#include "base/ip_address.h"

namespace sallyport::rules {

// Addresses that a name in an allow list is not enough for.
enum class AddressClass : uint8_t {
  kOrdinary,
  kLoopback,   // 127.0.0.0/8, ::1, and the unspecified addresses, which Linux takes for them
  kLinkLocal,  // 169.254.0.0/16, fe80::/10
  kMetadata,   // a cloud's instance metadata: it hands out the machine's own credentials
};

// `address` must not be one that only carries an IPv4 address (see JudgedAddress).
AddressClass Classify(const IpAddress& address);

// The address that decides: the IPv4 one that `address` carries, if any, or itself.
IpAddress JudgedAddress(const IpAddress& address);

// 127.0.0.1 or ::1, of the family of `address`.
IpAddress LoopbackOf(const IpAddress& address);

// Whether a canonical name is one that a cloud's metadata service goes by.
bool IsMetadataName(std::string_view name);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_GUARDED_ADDRESS_H_
