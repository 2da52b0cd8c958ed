#ifndef SALLYPORT_PROXY_HTTP_STREAM_H_
#define SALLYPORT_PROXY_HTTP_STREAM_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/message.h"
#include "proxy/net/transport.h"

// One request and its reply, seen from either side and free of the HTTP version. The exchange knows
// nothing below this file.
namespace sallyport::http {

using net::EndKind;
using net::WriteResult;

// What a ServerStream tells of the client. None of these runs inside a call to the stream. The
// stream may be ended or aborted from inside each.
class RequestListener {
 public:
  virtual void OnRequestData(std::string_view bytes) = 0;
  // At most once, before OnRequestEnd. Valid for the call.
  virtual void OnRequestTrailers(const HeaderList& trailers) = 0;
  virtual void OnRequestEnd() = 0;
  // Instead of OnRequestEnd and before SendHead: the rest of the body breaks its framing, and
  // nothing more of it comes. The reply is still owed; the connection ends with it.
  virtual void OnRequestBroken(std::string_view reason) = 0;
  // SendBody may go on.
  virtual void OnResponseDrained() = 0;
  // The client went away or broke the protocol; the stream is over and must not be used again.
  virtual void OnClientGone(std::string_view reason) = 0;

 protected:
  ~RequestListener() = default;
};

// The client's side of one exchange. Belongs to its connection, which outlives every listener: the
// stream is over after EndResponse or Abort, or with OnClientGone.
class ServerStream {
 public:
  virtual void SetListener(RequestListener* listener) = 0;

  // A 1xx reply, any number, before SendHead.
  virtual void SendInformational(const ResponseHead& head) = 0;
  // Once. A 101 turns both directions into plain bytes.
  virtual void SendHead(const ResponseHead& head) = 0;
  virtual WriteResult SendBody(std::string_view bytes) = 0;
  // Before EndResponse; dropped where the framing has no trailers.
  virtual void SendTrailers(const HeaderList& trailers) = 0;
  // The reply is complete. kTruncated: as far as it went, and the client can tell.
  virtual void EndResponse(EndKind kind) = 0;
  // The reply cannot be completed; the client sees a broken connection or stream.
  virtual void Abort() = 0;

  virtual void PauseRequest() = 0;
  virtual void ResumeRequest() = 0;

  // The connection serves no request after this one: its sender cannot be trusted to frame them.
  // Before SendHead.
  virtual void EndConnection() = 0;

  // The ALPN identifier ("http/1.1", "h2"; "http/1.0" besides), as the audit log has it.
  virtual std::string_view protocol() const = 0;

 protected:
  ~ServerStream() = default;
};

enum class StreamError : uint8_t {
  kConnection,  // the connection broke
  kProtocol,    // the upstream broke the protocol
  kRefused,     // the upstream did nothing with the request and says so: any may be sent again
};

// What a ClientStream tells of the upstream. None of these runs inside a call to the stream.
class ReplyListener {
 public:
  virtual void OnInformational(ResponseHead* head) = 0;
  virtual void OnReplyHead(ResponseHead* head) = 0;
  virtual void OnReplyData(std::string_view bytes) = 0;
  virtual void OnReplyTrailers(const HeaderList& trailers) = 0;
  // kTruncated only for bodies that end with the connection.
  virtual void OnReplyEnd(EndKind kind) = 0;
  virtual void OnRequestDrained() = 0;
  // Nothing follows. `nothing_received`: not one byte of a reply had come.
  virtual void OnReplyError(StreamError error, bool nothing_received,
                            const std::string& detail) = 0;

 protected:
  ~ReplyListener() = default;
};

// The upstream's side of one exchange. Ended by Release, which every user must call.
class ClientStream {
 public:
  virtual void SetListener(ReplyListener* listener) = 0;

  virtual void SendHead(const RequestHead& head) = 0;
  virtual WriteResult SendBody(std::string_view bytes) = 0;
  virtual void SendTrailers(const HeaderList& trailers) = 0;
  virtual void EndRequest() = 0;

  virtual void PauseReply() = 0;
  virtual void ResumeReply() = 0;

  // Gives the stream back: its connection serves others if request and reply are complete, and is
  // closed otherwise. No callback after this.
  virtual void Release() = 0;

  virtual std::string_view protocol() const = 0;

 protected:
  ~ClientStream() = default;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_STREAM_H_
