#ifndef SALLYPORT_PROXY_HTTP_H2_CONNECTION_H_
#define SALLYPORT_PROXY_HTTP_H2_CONNECTION_H_

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/h2_stream.h"
#include "proxy/http/message_buffers.h"
#include "proxy/http/token_bucket.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/lingering_close.h"
#include "proxy/net/timer.h"
#include "proxy/net/transport.h"

namespace sallyport::http {

// What both sides of an HTTP/2 connection share: nghttp2's session over a transport, its streams,
// the connection's flow control, and what a peer may do for nothing. What is submitted in a turn of
// the loop leaves in one write at its end; nghttp2 is never entered from inside itself.
//
// Flow control: the connection's window goes back to the peer as bytes arrive, so that a stream
// whose user has paused stalls no other; only past kMaxBuffered of waiting bytes does it wait too.
class H2Connection : public net::Retirable, private net::TransportListener, private net::TurnTask {
 public:
  // A stream's window, and what may wait on it in either direction.
  static constexpr size_t kStreamWindow = size_t{256} * 1024;
  static constexpr int32_t kConnectionWindow = 4 * 1024 * 1024;
  // Inbound bytes of all streams that may wait before the connection's window is held back: the
  // windows of sixteen streams whose users have paused.
  static constexpr size_t kMaxBuffered = 16 * kStreamWindow;
  // Outbound: beyond this much for all streams, each may queue only kLowShare.
  static constexpr size_t kMaxQueued = size_t{4} * 1024 * 1024;
  static constexpr size_t kLowShare = size_t{32} * 1024;

  // RFC 9113 §4.1.
  static constexpr size_t kFrameHeaderSize = 9;

  ~H2Connection() override;

  void Retire() override;
  net::EventLoop& loop() override { return *context_->loop; }

  // Streams that are under way on either view.
  size_t streams() const { return live_.size(); }

 protected:
  enum class Role : uint8_t { kServer, kClient };

  // `early` are bytes read from `transport` before.
  H2Connection(CodecContext* context, net::TransportPtr transport, std::string early, Role role,
               std::span<const nghttp2_settings_entry> settings);

  CodecContext* context() { return context_; }
  nghttp2_session* session() const { return session_; }
  bool retired() const { return retired_; }
  // Bytes still pass between nghttp2 and the transport.
  bool open() const { return transport_ != nullptr; }
  H2Stream* TakeStream();
  // A stream may be reset for each that was begun or served in good faith.
  void EarnReset() { resets_.Give(1); }
  // Whether a GOAWAY has come or gone.
  bool going_away() const { return going_away_; }
  // GOAWAY: no new streams; the connection ends with the last of those under way.
  void GoAway();
  // GOAWAY with `code`, and the end: streams under way are lost.
  void Terminate(uint32_t code);
  void WakeAtTurnEnd() {
    if (!retired_) context_->loop->Schedule(this);
  }

 private:
  friend class H2Stream;
  struct Callbacks;

  virtual std::unique_ptr<H2Stream> MakeStream() = 0;
  // The peer's SETTINGS came. Runs inside nghttp2: sets flags only.
  virtual void OnPeerSettings() {}
  // The end of a turn in which anything happened; may retire the connection.
  virtual void OnSettled() {}
  // The transport is closed and every user has let go. Once; may retire the connection.
  virtual void OnOver() = 0;

  // net::TransportListener
  void OnData(std::string_view bytes) override;
  void OnEnd(net::EndKind kind) override;
  void OnDrained() override;
  void OnError(net::TransportError error, const std::string& detail) override;

  void OnTurnEnd() override;
  void Process(std::string_view bytes);

  // For H2Stream.
  void MarkReady(H2Stream* stream);
  // Where out_ may grow to now.
  size_t OutboundLimit() const { return queued_ < kMaxQueued ? kStreamWindow : kLowShare; }
  void AddQueued(size_t size) { queued_ += size; }
  void SubtractQueued(size_t size) { queued_ -= size; }
  void ReturnConnectionWindow(size_t size);
  void AddBuffered(size_t size) { buffered_ += size; }
  void SubtractBuffered(size_t size);

  // False where nghttp2 must stop: retired inside a callback, or the peer went too far.
  bool usable() const { return open() && condemned_ == NGHTTP2_NO_ERROR; }
  // Takes one from `bucket`; false where it is empty, and the connection is to be ended with GOAWAY
  // as soon as nghttp2 has returned.
  bool Charge(TokenBucket* bucket);
  void RunReady();
  void Flush();
  void FailSession(ssize_t error);
  void WriteGoaway(uint32_t code);
  void Close(net::Patience patience, StreamError error, std::string_view reason);
  void DropTransport();
  void MaybeOver();
  void Recycle(H2Stream* stream);
  void ResumeBodies();
  void ResetUnread();
  void UpdateTimer();
  void OnTimer();

  CodecContext* context_;
  net::TransportPtr transport_;
  std::string early_;
  nghttp2_session* session_ = nullptr;
  net::Timer timer_;
  const Role role_;

  std::vector<std::unique_ptr<H2Stream>> live_;
  std::vector<std::unique_ptr<H2Stream>> free_;
  std::vector<H2Stream*> ready_;

  size_t buffered_ = 0;  // inbound, waiting in streams
  size_t withheld_ = 0;  // of the connection's window
  size_t queued_ = 0;    // outbound, waiting in streams

  TokenBucket resets_;
  TokenBucket frames_;
  uint32_t condemned_ = NGHTTP2_NO_ERROR;

  // When a block that is not complete began, the peer's first SETTINGS included; 0 for none.
  uint64_t block_began_ms_;
  uint64_t idle_since_ms_;

  bool transport_blocked_ = false;
  bool going_away_ = false;
  bool failed_ = false;  // a GOAWAY with an error was sent or received
  bool retired_ = false;
  bool sweeping_ = false;  // timer_ runs for ResetUnread
  bool over_told_ = false;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_H2_CONNECTION_H_
