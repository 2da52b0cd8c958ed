#include "proxy/exchange/inject.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "base/hex.h"
#include "base/secret.h"
#include "proxy/exchange/content_coding.h"
#include "proxy/exchange/placeholder_access.h"
#include "proxy/exchange/placeholder_rewriter.h"

namespace sallyport::proxy {
namespace {

using http::EqualsIgnoreCase;
using http::Header;
using http::HeaderId;
using http::HeaderList;
using http::LocalReply;
using http::ReplyCode;
using http::RequestHead;

using rules::kHttpPort;
using rules::kHttpsPort;

// Fields for one hop whatever Connection says.
bool IsHopByHop(const Header& header) {
  switch (header.id) {
    case HeaderId::kConnection:
    case HeaderId::kHttp2Settings:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxy:
    case HeaderId::kTe:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    default:
      return false;
  }
}

// Content-Length belongs to the framing that has been read already, so naming it in Connection
// changes nothing.
void RemoveHopByHop(HeaderList* headers) {
  absl::InlinedVector<std::string_view, 8> named;
  for (const Header& header : *headers) {
    if (header.id != HeaderId::kConnection) continue;
    http::ForEachListMember(header.value,
                            [&named](std::string_view member) { named.push_back(member); });
  }
  headers->RemoveIf([&named](const Header& header) {
    if (IsHopByHop(header)) return true;
    if (header.id == HeaderId::kContentLength) return false;
    return std::any_of(named.begin(), named.end(), [&header](std::string_view name) {
      return EqualsIgnoreCase(name, header.name);
    });
  });
}

// h2c is never upgraded to: it would leave this proxy's sight (RFC 9113 §3.1 dropped it too).
std::string_view UpgradeToForward(std::string_view upgrade) {
  bool is_h2c = false;
  http::ForEachListMember(
      upgrade, [&is_h2c](std::string_view member) { is_h2c |= EqualsIgnoreCase(member, "h2c"); });
  return is_h2c ? std::string_view() : upgrade;
}

std::string_view HostField(const RequestPlan& plan, Arena* arena) {
  const rules::Authority& authority = plan.authority;
  const bool is_default = authority.port == (plan.tls ? kHttpsPort : kHttpPort);
  const bool is_v6 = authority.host.address.has_value() && !authority.host.address->is_v4();
  if (is_default && !is_v6) return authority.host.name;
  if (is_default) return arena->Concat({"[", authority.host.name, "]"});
  if (is_v6) return arena->Copy(authority.ToString());
  const fmt::format_int port(authority.port);
  return arena->Concat({authority.host.name, ":", {port.data(), port.size()}});
}

// As servers read a query: '+' is a space.
std::string DecodeQueryKey(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
        HexDigit(text[i + 2]) >= 0) {
      decoded.push_back(static_cast<char>(HexDigit(text[i + 1]) << 4 | HexDigit(text[i + 2])));
      i += 2;
    } else {
      decoded.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return decoded;
}

// Sets the query parameter `name`: in the place of the first of that name, the others removed, or
// at the end. `value` is percent-encoded.
std::string_view SetQueryParameter(std::string_view target, std::string_view name,
                                   std::string_view value, Arena* arena) {
  std::string encoded_name;
  rules::AppendUrlEncoded(name, &encoded_name);
  const size_t mark = target.find('?');
  std::string result(target.substr(0, mark));
  char separator = '?';
  const auto append = [&result, &separator](std::string_view parameter) {
    result.push_back(std::exchange(separator, '&'));
    result.append(parameter);
  };
  bool written = false;
  const auto write = [&] {
    append(encoded_name);
    result.push_back('=');
    result.append(value);
    written = true;
  };
  std::string_view rest = mark == target.npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view parameter = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(parameter.size() + 1, rest.size()));
    const std::string_view key = parameter.substr(0, parameter.find('='));
    if (DecodeQueryKey(key) != name) {
      append(parameter);
    } else if (!written) {
      write();
    }
  }
  if (!written) write();
  const std::string_view kept = arena->Copy(result);
  WipeString(&result);
  return kept;
}

std::optional<LocalReply> ReplacePlaceholders(RequestPlan* plan, RequestHead* request) {
  const Snapshot& snapshot = *plan->snapshot;
  if (snapshot.placeholders.empty()) return std::nullopt;
  PlaceholderAccess access(plan, MatchingRules(*plan, *request));
  std::string_view secret;
  const auto find_secret = [&](size_t entry) -> const std::string_view* {
    const std::optional<uint16_t> rule = access.Find(entry);
    if (!rule.has_value()) return nullptr;
    plan->AddCarried(*rule);
    secret = snapshot.credentials[*rule]->raw.Reveal();
    return &secret;
  };
  PlaceholderRewriter rewriter(&snapshot.placeholders, request->arena, find_secret);
  const std::optional<std::string_view> target = rewriter.RewriteTarget(request->path);
  if (!target.has_value()) return access.Refusal(*rewriter.refused_entry());
  for (Header& header : request->headers) {
    const std::optional<std::string_view> value = rewriter.RewriteHeaderValue(header.value);
    if (!value.has_value()) return access.Refusal(*rewriter.refused_entry());
    if (value->data() == header.value.data()) continue;
    header.value = *value;
    header.sensitive = true;
  }
  request->path = *target;
  return std::nullopt;
}

void WriteCredentials(RequestPlan* plan, RequestHead* request) {
  for (const uint16_t index : plan->applied) {
    const rules::CredentialRule& rule = plan->snapshot->rules->rules()[index];
    const std::string_view value = plan->snapshot->credentials[index]->written.Reveal();
    plan->AddCarried(index);
    if (rule.target_kind == rules::TargetKind::kHeader) {
      request->headers.Replace({rule.target, value, http::LookUpHeader(rule.target), true});
    } else {
      request->path = SetQueryParameter(request->path, rule.target, value, request->arena);
    }
  }
}

bool RepliesAreSearched(const RequestPlan& plan) {
  return std::any_of(plan.carried.begin(), plan.carried.end(), [&plan](uint16_t index) {
    return plan.snapshot->rules->rules()[index].scrub != rules::ScrubMode::kOff;
  });
}

// RFC 9110 §6.5.1: fields that frame, route or authenticate have no place in trailers.
bool MayBeTrailer(const Header& header) {
  return !IsHopByHop(header) && header.id != HeaderId::kContentLength &&
         header.id != HeaderId::kHost && header.id != HeaderId::kExpect;
}

}  // namespace

std::optional<LocalReply> PrepareRequest(RequestPlan* plan, RequestHead* request) {
  request->upgrade = UpgradeToForward(request->upgrade);
  RemoveHopByHop(&request->headers);
  if (std::optional<LocalReply> refused = ReplacePlaceholders(plan, request)) return refused;
  WriteCredentials(plan, request);
  if (RepliesAreSearched(*plan)) RefuseEncodings(&request->headers);
  request->host = HostField(*plan, request->arena);
  // From here on the plan alone says where it goes.
  request->scheme = {};
  request->authority = {};
  return std::nullopt;
}

void AddressToProxy(const RequestPlan& plan, std::string_view authorization, RequestHead* request) {
  request->scheme = plan.tls ? "https" : "http";
  request->authority = request->host;
  if (authorization.empty()) return;
  request->headers.Replace({"Proxy-Authorization", authorization, HeaderId::kProxy, true});
}

HeaderList FilterRequestTrailers(const RequestPlan& plan, const HeaderList& trailers) {
  HeaderList kept;
  for (const Header& header : trailers) {
    const bool injected =
        std::any_of(plan.applied.begin(), plan.applied.end(), [&](uint16_t index) {
          const rules::CredentialRule& rule = plan.snapshot->rules->rules()[index];
          return rule.target_kind == rules::TargetKind::kHeader &&
                 EqualsIgnoreCase(rule.target, header.name);
        });
    if (!injected && MayBeTrailer(header)) kept.Add(header);
  }
  return kept;
}

void PrepareReply(bool intercepted, http::ResponseHead* reply) {
  RemoveHopByHop(&reply->headers);
  reply->headers.RemoveIf([&](const Header& header) {
    // RFC 9110 §8.6: a 204 has no Content-Length.
    return (intercepted && header.id == HeaderId::kAltSvc) ||
           (reply->status == 204 && header.id == HeaderId::kContentLength);
  });
}

HeaderList FilterReplyTrailers(const HeaderList& trailers) {
  HeaderList kept;
  for (const Header& header : trailers) {
    if (MayBeTrailer(header)) kept.Add(header);
  }
  return kept;
}

}  // namespace sallyport::proxy
