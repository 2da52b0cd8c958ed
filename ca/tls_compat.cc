#include "ca/tls_compat.h"

#include <fmt/core.h>

#include "base/status.h"

namespace sallyport::ca {
namespace {

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                   const unsigned char* offered, unsigned int offered_size, void* argument) {
  const auto& ours = *static_cast<const std::string*>(argument);
  // Despite the name it serves ALPN too, prefers its first list, and points into either; it writes
  // through a pointer to non-const yet never to the bytes.
  unsigned char* match = nullptr;
  if (SSL_select_next_proto(&match, chosen_size, Bytes(ours),
                            static_cast<unsigned int>(ours.size()), offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

// AES with 128 bits first, in TLS 1.3: nothing that could break it would spare the P-256 beside it,
// and with SHA-256, which processors have instructions for, a handshake costs some 20 µs less.
absl::Status PreferAes128([[maybe_unused]] SSL_CTX* context) {
#ifndef SALLYPORT_TLS_BORINGSSL  // It has this order, and no way to say another.
  if (SSL_CTX_set_ciphersuites(
          context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") !=
      1) {
    return OpenSslStatus("cannot set the order of cipher suites");
  }
#endif
  return absl::OkStatus();
}

}  // namespace

absl::Status ConfigureProtocol(SSL_CTX* context) {
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1) {
    return OpenSslStatus("cannot set the TLS versions");
  }
  RETURN_IF_ERROR(PreferAes128(context));
  // BoringSSL defines what it never does or always does as 0.
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // No chain is built for what a server presents: clients trust the issuer of our leaves directly,
  // and the attempt would cost every handshake a walk through the trust store.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
  return absl::OkStatus();
}

void SetCertificateCallback(SSL_CTX* context, int (*callback)(SSL*, void*), void* argument) {
  SSL_CTX_set_cert_cb(context, callback, argument);
}

bool UseLeaf(SSL* ssl, X509* certificate, EVP_PKEY* key) {
#ifdef SALLYPORT_TLS_BORINGSSL
  return SSL_use_certificate(ssl, certificate) == 1 && SSL_use_PrivateKey(ssl, key) == 1;
#else
  // One call instead of two checks the pair once: 1 µs against 2.6.
  constexpr int kReplaceWhatIsThere = 1;
  return SSL_use_cert_and_key(ssl, certificate, key, nullptr, kReplaceWhatIsThere) == 1;
#endif
}

absl::Status SetNumTickets(SSL_CTX* context, size_t count) {
  if (SSL_CTX_set_num_tickets(context, count) != 1) {
    return OpenSslStatus("cannot set the number of session tickets");
  }
  return absl::OkStatus();
}

std::string EncodeAlpn(std::initializer_list<std::string_view> protocols) {
  std::string encoded;
  for (const std::string_view protocol : protocols) {
    encoded.push_back(static_cast<char>(protocol.size()));
    encoded.append(protocol);
  }
  return encoded;
}

// Both of these return 0 for success, unlike everything else.
absl::Status OfferAlpn(SSL_CTX* context, std::string_view encoded) {
  if (SSL_CTX_set_alpn_protos(context, Bytes(encoded), static_cast<unsigned int>(encoded.size())) !=
      0) {
    return OpenSslStatus("cannot set the ALPN protocols");
  }
  return absl::OkStatus();
}

absl::Status OfferAlpn(SSL* ssl, std::string_view encoded) {
  if (SSL_set_alpn_protos(ssl, Bytes(encoded), static_cast<unsigned int>(encoded.size())) != 0) {
    return OpenSslStatus("cannot set the ALPN protocols");
  }
  return absl::OkStatus();
}

void SelectAlpn(SSL_CTX* context, const std::string* encoded) {
  SSL_CTX_set_alpn_select_cb(context, ChooseProtocol, const_cast<std::string*>(encoded));
}

std::string_view NegotiatedAlpn(const SSL* ssl) {
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  return {reinterpret_cast<const char*>(protocol), size};
}

absl::Status ConfigureVerification(SSL_CTX* context, X509_STORE* store) {
  if (X509_STORE_up_ref(store) != 1) return OpenSslStatus("cannot share the trust store");
  SSL_CTX_set_cert_store(context, store);
  // No callback of its own: one here would replace the store's.
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return absl::OkStatus();
}

bool SetVerifyHost(SSL* ssl, const std::string& name, const std::optional<IpAddress>& address) {
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(
      parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (address) {
    return X509_VERIFY_PARAM_set1_ip(parameters, address->bytes().data(),
                                     address->bytes().size()) == 1;
  }
  return !name.empty() && X509_VERIFY_PARAM_set1_host(parameters, name.data(), name.size()) == 1;
}

std::string VerifyErrorText(const SSL* ssl) {
  const long error = SSL_get_verify_result(ssl);
  // The libraries word the common ones differently, and neither for the person who has to act.
  switch (error) {
    case X509_V_OK:
      return {};
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "its certificate, or one it depends on, has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "its certificate, or one it depends on, is not valid yet";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "its certificate is self-signed and not trusted";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "its certificate chain ends in a root that is not trusted";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "its certificate was issued by an unknown authority, or an intermediate certificate "
             "is "
             "missing";
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return "its certificate is for another host name";
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "its certificate is for another IP address";
    case X509_V_ERR_CERT_REVOKED:
      return "its certificate, or one it depends on, has been revoked";
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return "the revocation list for its certificate has expired";
    default:
      return X509_verify_cert_error_string(error);
  }
}

}  // namespace sallyport::ca
