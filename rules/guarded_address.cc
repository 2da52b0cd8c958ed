#include "rules/guarded_address.h"

#include <algorithm>
#include <array>

#include "rules/cidr.h"

namespace sallyport::rules {
namespace {

// Each from its cloud's own documentation of instance metadata.
constexpr std::array<std::string_view, 13> kMetadataAddresses = {
    "169.254.169.254",  // AWS, Azure, Google, Oracle, DigitalOcean, Hetzner, OpenStack
    "fd00:ec2::254",    // AWS over IPv6
    "169.254.170.2",    // AWS: credentials of ECS tasks
    "169.254.170.23",   // AWS: credentials of EKS pods
    "fd00:ec2::23",     // the same over IPv6
    "fd20:ce::254",     // Google over IPv6
    "168.63.129.16",    // Azure: WireServer hands out certificates and extension settings
    "100.100.100.200",  // Alibaba
    "192.0.0.192",      // Oracle, classic
    "169.254.0.23",     // Tencent
    "169.254.42.42",    // Scaleway
    "fd00:42::42",      // Scaleway over IPv6
    "fe80::a9fe:a9fe",  // OpenStack over IPv6
};

constexpr std::array<std::string_view, 5> kMetadataNames = {
    "metadata.google.internal",    // Google
    "metadata.goog",               // Google
    "metadata.azure.internal",     // Azure
    "instance-data.ec2.internal",  // AWS
    "metadata.tencentyun.com",     // Tencent
};

bool IsMetadataAddress(const IpAddress& address) {
  static const auto& addresses = *[] {
    auto* parsed = new std::array<IpAddress, kMetadataAddresses.size()>;
    std::ranges::transform(kMetadataAddresses, parsed->begin(), [](std::string_view text) {
      return IpAddress::Parse(text).value_or(IpAddress());
    });
    std::ranges::sort(*parsed);
    return parsed;
  }();
  return std::ranges::binary_search(addresses, address);
}

bool StartsWith(std::span<const uint8_t> bytes, uint8_t first, uint8_t second,
                uint8_t second_mask) {
  return bytes[0] == first && (bytes[1] & second_mask) == second;
}

}  // namespace

IpAddress JudgedAddress(const IpAddress& address) { return address.EmbeddedV4().value_or(address); }

AddressClass Classify(const IpAddress& address) {
  if (IsMetadataAddress(address)) return AddressClass::kMetadata;
  const std::span<const uint8_t> bytes = address.bytes();
  if (address.is_v4()) {
    if (bytes[0] == 127 || address == IpAddress()) return AddressClass::kLoopback;
    if (StartsWith(bytes, 169, 254, 0xff)) return AddressClass::kLinkLocal;
    return AddressClass::kOrdinary;
  }
  const bool low = std::all_of(bytes.begin(), bytes.end() - 1, [](uint8_t b) { return b == 0; });
  if (low && bytes[15] <= 1) return AddressClass::kLoopback;
  if (StartsWith(bytes, 0xfe, 0x80, 0xc0)) return AddressClass::kLinkLocal;
  return AddressClass::kOrdinary;
}

IpAddress LoopbackOf(const IpAddress& address) {
  if (address.is_v4()) return IpAddress::V4({127, 0, 0, 1});
  return IpAddress::V6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

bool IsMetadataName(std::string_view name) {
  return std::ranges::find(kMetadataNames, name) != kMetadataNames.end();
}

}  // namespace sallyport::rules
