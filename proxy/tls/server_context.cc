#include "proxy/tls/server_context.h"

#include <openssl/sha.h>

#include <array>
#include <utility>

#include "base/log.h"
#include "base/status.h"

namespace sallyport::tls {
namespace {

int HostIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

const rules::Host& HostOf(const SSL* ssl) {
  return *static_cast<const rules::Host*>(SSL_get_ex_data(ssl, HostIndex()));
}

}  // namespace

ServerContext::ServerContext(const ca::CertificateAuthority* authority, ca::LeafCache* leaves)
    : authority_(authority),
      leaves_(leaves),
      alpn_(ca::EncodeAlpn({"h2", "http/1.1"})),
      context_(SSL_CTX_new(TLS_server_method())) {}

absl::StatusOr<std::unique_ptr<ServerContext>> ServerContext::Create(
    const ca::CertificateAuthority* authority, ca::LeafCache* leaves, ca::TicketKeys* tickets) {
  std::unique_ptr<ServerContext> made(new ServerContext(authority, leaves));
  SSL_CTX* context = made->context_.get();
  if (context == nullptr) return ca::OpenSslStatus("cannot make a TLS server context");
  RETURN_IF_ERROR(ca::ConfigureProtocol(context));
  RETURN_IF_ERROR(ca::SetNumTickets(context, 1));
  RETURN_IF_ERROR(ca::InstallTicketKeys(context, tickets));
  // Resumption is by ticket alone: a session kept here could not be found by another worker.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ca::SelectAlpn(context, &made->alpn_);
  SSL_CTX_set_tlsext_servername_callback(context, OnServerName);
  ca::SetCertificateCallback(context, OnChooseCertificate, made.get());
  return made;
}

ca::SslPtr ServerContext::NewSession(const rules::Host* host) {
  ca::SslPtr ssl(SSL_new(context_.get()));
  if (ssl == nullptr) return ssl;
  // A ticket got for one host does not resume a connection to another.
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(host->name.data()), host->name.size(),
         digest.data());
  if (SSL_set_ex_data(ssl.get(), HostIndex(), const_cast<rules::Host*>(host)) != 1 ||
      SSL_set_session_id_context(ssl.get(), digest.data(), digest.size()) != 1) {
    return nullptr;
  }
  SSL_set_accept_state(ssl.get());
  return ssl;
}

int ServerContext::OnServerName(SSL* ssl, int* alert, void*) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  const absl::StatusOr<rules::Host> asked = rules::ParseHost(name);
  if (asked.ok() && *asked == HostOf(ssl)) return SSL_TLSEXT_ERR_OK;
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int ServerContext::OnChooseCertificate(SSL* ssl, void* argument) {
  auto* self = static_cast<ServerContext*>(argument);
  const rules::Host& host = HostOf(ssl);
  const auto leaf = self->leaves_->Get(host.name, host.address);
  if (!leaf.ok()) {
    log::Error("tls", "cannot mint a certificate",
               {{"host", host.name}, {"reason", Message(leaf.status())}});
    return 0;
  }
  return ca::UseLeaf(ssl, (*leaf)->certificate.get(), self->authority_->leaf_key()) ? 1 : 0;
}

}  // namespace sallyport::tls
