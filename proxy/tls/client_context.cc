#include "proxy/tls/client_context.h"

#include <utility>

#include "base/status.h"
#include "ca/tls_compat.h"

namespace sallyport::tls {
namespace {

int SlotIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClientContext>> ClientContext::Create(X509_STORE* trust) {
  std::unique_ptr<ClientContext> made(new ClientContext);
  SSL_CTX* context = made->context_.get();
  if (context == nullptr) return ca::OpenSslStatus("cannot make a TLS client context");
  RETURN_IF_ERROR(ca::ConfigureProtocol(context));
  RETURN_IF_ERROR(ca::ConfigureVerification(context, trust));
  RETURN_IF_ERROR(ca::OfferAlpn(context, ca::EncodeAlpn({"h2", "http/1.1"})));
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, OnNewSession);
  return made;
}

ca::SslPtr ClientContext::NewSession(const rules::Host& host, SessionSlot* slot, Offer offer) {
  ca::SslPtr ssl(SSL_new(context_.get()));
  if (ssl == nullptr || SSL_set_ex_data(ssl.get(), SlotIndex(), slot) != 1 ||
      !ca::SetVerifyHost(ssl.get(), host.name, host.address)) {
    return nullptr;
  }
  if (offer == Offer::kHttp1 && !ca::OfferAlpn(ssl.get(), ca::EncodeAlpn({"http/1.1"})).ok()) {
    return nullptr;
  }
  // RFC 6066 §3: address literals are not sent as server names.
  if (!host.address.has_value() && SSL_set_tlsext_host_name(ssl.get(), host.name.c_str()) != 1) {
    return nullptr;
  }
  if (slot->session != nullptr) SSL_set_session(ssl.get(), slot->session.get());
  SSL_set_connect_state(ssl.get());
  return ssl;
}

int ClientContext::OnNewSession(SSL* ssl, SSL_SESSION* session) {
  auto* slot = static_cast<SessionSlot*>(SSL_get_ex_data(ssl, SlotIndex()));
  slot->session.reset(session);
  return 1;  // the reference is ours now
}

}  // namespace sallyport::tls
