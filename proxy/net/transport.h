#ifndef SALLYPORT_PROXY_NET_TRANSPORT_H_
#define SALLYPORT_PROXY_NET_TRANSPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/net/event_loop.h"

namespace sallyport::net {

// How a direction of a transport ended.
enum class EndKind : uint8_t {
  // The peer said that it was done: FIN on a plain socket, close_notify in TLS.
  kClean,
  // The bytes stopped without that: FIN inside TLS. Data may be missing (RFC 8446 §6.1).
  kTruncated,
};

// Why a transport is gone.
enum class TransportError : uint8_t {
  kReset,         // the peer reset the connection, or it broke
  kTimeout,       // a handshake took too long
  kTlsHandshake,  // the peers could not agree, or the certificate was refused
  kTlsProtocol,   // garbage after the handshake
};

enum class WriteResult : uint8_t {
  kMore,
  // Too much is queued: stop until OnDrained. The bytes were taken all the same.
  kBlocked,
};

// Independent reasons to stop reading; reading goes on when none is left.
enum class PauseReason : uint8_t {
  kBackpressure = 1,  // what is read cannot be passed on yet
  kPipelining = 2,    // the next request waits for the current one
  kSetup = 4,         // nobody is there yet to take it
};

// Callbacks of a transport. None runs inside a call to the transport, and each may retire it.
class TransportListener {
 public:
  // `bytes` are valid until the call returns.
  virtual void OnData(std::string_view bytes) = 0;
  // The peer will send nothing more; writing still works.
  virtual void OnEnd(EndKind kind) = 0;
  // Below half of the limit again after Write said kBlocked.
  virtual void OnDrained() = 0;
  // All that was written, and the end after Shutdown, has been handed to the kernel.
  virtual void OnShutdownDone() {}
  // The transport is dead; nothing follows. `detail` is for logs and error replies.
  virtual void OnError(TransportError error, const std::string& detail) = 0;

 protected:
  ~TransportListener() = default;
};

// A two-way stream of bytes on an event loop: TCP, a unix socket, or TLS over one of them. Owned
// through RetirePtr; retiring closes it at once and drops what is queued.
class Transport : public Retirable {
 public:
  // Must be set before the loop runs again, and outlive the transport or be replaced.
  virtual void SetListener(TransportListener* listener) = 0;

  // Takes all of `bytes`. They leave at the end of the loop's turn at the latest. kBlocked once
  // EventLoop::high_water() of them wait.
  virtual WriteResult Write(std::string_view bytes) = 0;

  // Ends our direction after what was written. kTruncated leaves close_notify out.
  virtual void Shutdown(EndKind kind) = 0;

  virtual void Pause(PauseReason reason) = 0;
  virtual void Resume(PauseReason reason) = 0;

  // Whether OnEnd has been told, or is about to be.
  virtual bool read_ended() const = 0;
  // Whether OnError has been told, or is about to be.
  virtual bool dead() const = 0;
  // Bytes written and not yet taken by the kernel.
  virtual size_t queued_bytes() const = 0;
  // Makes the eventual close a TCP reset, so that the peer cannot take the end for a clean one.
  virtual void ResetOnClose() = 0;
};

using TransportPtr = RetirePtr<Transport>;

}  // namespace sallyport::net

#endif  // SALLYPORT_PROXY_NET_TRANSPORT_H_
