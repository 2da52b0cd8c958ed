#ifndef SALLYPORT_TESTS_CA_HANDSHAKE_H_
#define SALLYPORT_TESTS_CA_HANDSHAKE_H_

#include "ca/openssl.h"

namespace sallyport::ca::testing {

// A client and a server joined in memory.
struct Pair {
  SslPtr client;
  SslPtr server;
};

Pair Connect(SSL_CTX* client, SSL_CTX* server);

// Runs both sides until neither can go on; true when both have finished. Also moves a byte each way
// afterwards, so that TLS 1.3 session tickets arrive.
bool Handshake(const Pair& pair);

}  // namespace sallyport::ca::testing

#endif  // SALLYPORT_TESTS_CA_HANDSHAKE_H_
