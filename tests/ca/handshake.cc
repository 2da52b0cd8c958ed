#include "tests/ca/handshake.h"

#include <cstdlib>

namespace sallyport::ca::testing {
namespace {

// More turns than any handshake takes.
constexpr int kTurns = 20;

bool Move(SSL* from, SSL* to) {
  char byte = 'x';
  for (int turn = 0; turn < kTurns; ++turn) {
    if (SSL_write(from, &byte, 1) == 1) break;
  }
  for (int turn = 0; turn < kTurns; ++turn) {
    if (SSL_read(to, &byte, 1) == 1) return true;
  }
  return false;
}

}  // namespace

Pair Connect(SSL_CTX* client, SSL_CTX* server) {
  Pair pair{SslPtr(SSL_new(client)), SslPtr(SSL_new(server))};
  BIO* client_side = nullptr;
  BIO* server_side = nullptr;
  // The default is one TLS record; a certificate chain and tickets need more.
  constexpr size_t kBuffer = 256 * 1024;
  if (BIO_new_bio_pair(&client_side, kBuffer, &server_side, kBuffer) != 1) std::abort();
  SSL_set_bio(pair.client.get(), client_side, client_side);
  SSL_set_bio(pair.server.get(), server_side, server_side);
  SSL_set_connect_state(pair.client.get());
  SSL_set_accept_state(pair.server.get());
  return pair;
}

bool Handshake(const Pair& pair) {
  bool client_done = false;
  bool server_done = false;
  for (int turn = 0; turn < kTurns && !(client_done && server_done); ++turn) {
    client_done = SSL_do_handshake(pair.client.get()) == 1;
    server_done = SSL_do_handshake(pair.server.get()) == 1;
  }
  return client_done && server_done && Move(pair.server.get(), pair.client.get()) &&
         Move(pair.client.get(), pair.server.get());
}

}  // namespace sallyport::ca::testing
