#ifndef SALLYPORT_PROXY_HTTP_H2_STREAM_H_
#define SALLYPORT_PROXY_HTTP_H2_STREAM_H_

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/http/byte_queue.h"
#include "proxy/http/h2_block.h"
#include "proxy/http/h2_fields.h"
#include "proxy/http/stream.h"

namespace sallyport::http {

class H2Connection;

// What both kinds of HTTP/2 stream share: the bytes that wait in each direction, and their flow
// control. Belongs to its connection, which uses it again once both sides are done with it: HTTP/2
// (the stream is closed) and its user (the exchange holds it no longer).
//
// Inbound, bytes go straight to the user, or wait here while the user has paused; a byte's share of
// the stream's window goes back to the peer when the user takes it, so never more than a window
// waits. Outbound, bytes wait here until the peer's windows and the transport take them.
class H2Stream {
 public:
  virtual ~H2Stream() = default;
  H2Stream(const H2Stream&) = delete;
  H2Stream& operator=(const H2Stream&) = delete;

 protected:
  explicit H2Stream(H2Connection* connection) : connection_(connection) {}

  // Where the direction to the peer stands.
  enum class Outbound : uint8_t {
    kOpen,
    kEnding,     // ends cleanly behind what is queued
    kBreaking,   // is reset behind what is queued
    kEndQueued,  // nghttp2 has been told
  };

  // For the user's calls.
  WriteResult QueueBody(std::string_view bytes);
  void QueueTrailers(const HeaderList& trailers);
  void QueueEnd(EndKind kind);
  void Pause() { paused_ = true; }
  void Resume();
  // Keeps inbound bytes back whatever the user says, until Release.
  void Hold() { held_ = true; }
  void Unhold();
  // RST_STREAM with `code`, at once: what is queued is dropped.
  void ResetStream(uint32_t code);
  // The user holds the stream no longer; what is inbound is dropped.
  void CloseUser();
  // OnTurn follows.
  void RunAtTurnEnd();

  H2Block* head_block() { return &head_; }
  // The head was a 1xx reply: the next block is a head again.
  void ExpectHead();
  // The head that was submitted ends our direction.
  void SetNoBody() { outbound_ = Outbound::kEndQueued; }

  // Begun in HTTP/2 and not yet closed there.
  bool h2_open() const { return id_ != 0; }
  bool user_open() const { return user_open_; }
  bool inbound_ended() const { return inbound_ended_; }
  bool end_delivered() const { return end_delivered_; }
  bool reset_by_peer() const { return reset_by_peer_; }
  Outbound outbound() const { return outbound_; }
  bool outbound_queued() const { return !out_.empty(); }
  void OpenUser() { user_open_ = true; }
  void set_id(int32_t id) { id_ = id; }
  // A provider for the body that QueueBody fills.
  nghttp2_data_provider BodyProvider();
  nghttp2_session* session() const;
  int32_t id() const { return id_; }

  H2Connection* const connection_;

 private:
  friend class H2Connection;

  // ---- What a kind of stream does. None of these runs inside a call of the user.

  // head_block() is complete. `end_stream`: nothing follows it.
  virtual void OnHead(bool end_stream) = 0;
  // These four only while user_open().
  virtual void DeliverData(std::string_view bytes) = 0;
  virtual void DeliverTrailers(const HeaderList& trailers) = 0;
  virtual void DeliverEnd() = 0;
  virtual void DeliverDrained() = 0;
  // The end of a turn that RunAtTurnEnd asked for, among others.
  virtual void OnTurn() {}
  // Closed in HTTP/2; h2_open() is false already. `code` as in RST_STREAM.
  virtual void OnClosed(uint32_t code) = 0;
  // The connection is over.
  virtual void OnConnectionLost(StreamError error, std::string_view reason) = 0;
  // The frame that ends our direction has been sent.
  virtual void OnEndSent() {}
  // Our head could not be sent.
  virtual void OnHeadNotSent(int error) = 0;
  // Back to how it was made, keeping memory.
  virtual void Recycle() = 0;

  // ---- For the connection

  void BeginBlock();
  H2Block* block() { return head_complete_ ? &trailers_ : &head_; }
  // False where the block is refused, and the stream reset.
  bool OnBlockEnd(bool end_stream);
  void Receive(std::string_view bytes);
  void ReceiveEnd();
  // What is due at the end of the loop's turn.
  void RunTurn();
  // nghttp2 asks for at most `limit` bytes of the body.
  ssize_t Read(size_t limit, uint32_t* flags);
  void Sent(size_t size);
  void Close(uint32_t code);
  bool finished() const { return id_ == 0 && !user_open_; }
  void Reset();

  bool deliverable() const { return user_open_ && !paused_ && !held_; }
  void Deliver();
  void DeliverTail();
  void Wake();
  void DropInbound();

  H2Block head_;
  H2Block trailers_;
  ByteQueue in_;
  ByteQueue out_;
  StoredFields out_trailers_;
  size_t resume_at_ = 0;      // out_.size() at which the user is told to go on
  uint64_t moved_at_ms_ = 0;  // when the last byte left
  size_t index_ = 0;          // in the connection's list
  int32_t id_ = 0;
  Outbound outbound_ = Outbound::kOpen;
  bool user_open_ = false;
  bool paused_ = false;
  bool held_ = false;
  bool head_complete_ = false;  // the next block is trailers
  bool delivering_ = false;
  bool reset_by_peer_ = false;
  bool reset_by_us_ = false;
  bool inbound_ended_ = false;
  bool end_delivered_ = false;
  bool deferred_ = false;  // nghttp2 asks no more until it is woken
  bool blocked_ = false;   // the user waits for DeliverDrained
  bool ready_ = false;     // in the connection's list for the turn's end
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_H2_STREAM_H_
