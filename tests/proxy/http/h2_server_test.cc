#include "tests/proxy/http/h2_server_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "proxy/http/websocket_handshake.h"

namespace sallyport::http {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_F(H2ServerTest, SaysItsSettings) {
  Connect();
  ASSERT_EQ(first_[0].type, NGHTTP2_SETTINGS);
  std::map<uint32_t, uint32_t> settings;
  for (size_t at = 0; at < first_[0].payload.size(); at += 6) {
    settings[SeenFrame::ReadNumber(first_[0].payload, at, 2)] = first_[0].code(at + 2);
  }
  EXPECT_EQ(settings[NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS], 256U);
  EXPECT_EQ(settings[NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE], 256U * 1024);
  EXPECT_EQ(settings[NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE], 64U * 1024);
  EXPECT_EQ(settings[NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL], 1U);
}

TEST_F(H2ServerTest, ServesManyStreamsInAnyOrder) {
  Connect();
  Receive(Headers(1, Get("/1")) + Headers(3, Get("/3")) + Headers(5, Get("/5")));
  ASSERT_EQ(owner_.requests.size(), 3U);
  for (int i = 2; i >= 0; --i) {
    ServedRequest& request = *owner_.requests[static_cast<size_t>(i)];
    EXPECT_THAT(request.events, ElementsAre("end"));
    request.Answer(200, std::string(request.head->path));
    RunTurn(&loop_);
  }
  EXPECT_THAT(TakeLines(),
              ElementsAre("HEADERS 5 :status=200", "DATA 5 /5 end", "HEADERS 3 :status=200",
                          "DATA 3 /3 end", "HEADERS 1 :status=200", "DATA 1 /1 end"));
  EXPECT_EQ(server_->streams(), 0U);
}

TEST_F(H2ServerTest, GivesTheHeadAsHttp11WouldHaveIt) {
  Connect();
  Receive(Headers(1,
                  {{":method", "POST"},
                   {":scheme", "https"},
                   {":authority", "A.test:444"},
                   {":path", "/p?q"},
                   {"te", "trailers"},
                   {"cookie", "a=1"},
                   {"x-one", "1"},
                   {"cookie", "b=2"},
                   {"content-length", "5"}},
                  kEndHeaders));
  const RequestHead& head = *owner_.last().head;
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.scheme, "");
  EXPECT_EQ(head.host, "A.test:444");
  EXPECT_EQ(head.path, "/p?q");
  EXPECT_TRUE(head.accepts_trailers);
  EXPECT_EQ(head.body.kind, BodyKind::kLength);
  EXPECT_EQ(head.body.length, 5U);
  EXPECT_EQ(head.headers.Find("cookie")->value, "a=1; b=2");
  EXPECT_EQ(head.headers.size(), 4U);  // te, cookie, x-one, content-length
}

TEST_F(H2ServerTest, AnotherSchemeIsShownToTheExchange) {
  Connect();
  Receive(Headers(
      1, {{":method", "GET"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", "/"}}));
  EXPECT_EQ(owner_.last().head->scheme, "http");
  EXPECT_EQ(owner_.last().head->authority, "a.test");
}

TEST_F(H2ServerTest, BodiesAndTrailersArriveAndLeave) {
  Connect();
  Receive(Headers(1, Post(), kEndHeaders) + Data(1, "hel") + Data(1, "lo") +
          Headers(1, {{"x-sum", "7"}}));
  ServedRequest& request = owner_.last();
  EXPECT_EQ(request.head->body.kind, BodyKind::kStreamed);
  EXPECT_EQ(request.body, "hello");
  EXPECT_THAT(request.events, ElementsAre("x-sum=7", "end"));
  request.SendHead(200, {BodyKind::kStreamed, 0});
  request.stream->SendBody("bye");
  HeaderList trailers;
  trailers.Add("Grpc-Status", "0");
  request.stream->SendTrailers(trailers);
  request.End();
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(),
              ElementsAre("HEADERS 1 :status=200", "DATA 1 bye", "HEADERS 1 grpc-status=0 end"));
}

TEST_F(H2ServerTest, InterimRepliesPrecedeTheFinalOne) {
  Connect();
  Receive(Headers(1, Get()));
  ServedRequest& request = owner_.last();
  for (int status : {100, 103}) {
    ResponseHead interim;
    interim.status = status;
    request.stream->SendInformational(interim);
  }
  request.Answer(200, "x");
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("HEADERS 1 :status=100", "HEADERS 1 :status=103",
                                       "HEADERS 1 :status=200", "DATA 1 x end"));
}

TEST_F(H2ServerTest, AReplyWithoutABodyEndsWithItsHead) {
  Connect();
  Receive(Headers(1, Get()));
  owner_.last().SendHead(204, {}, {{"X-A", "1"}, {"Connection", "close"}, {"Keep-Alive", "x"}});
  owner_.last().End();
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("HEADERS 1 :status=204 x-a=1 end"));
}

TEST_F(H2ServerTest, TheEndOfAReplyMayComeTurnsAfterItsHead) {
  Connect();
  Receive(Headers(1, Get()));
  owner_.last().SendHead(304, {});
  RunTurn(&loop_);
  RunTurn(&loop_);
  EXPECT_THAT(owner_.last().events, ElementsAre("end"));
  owner_.last().End();
  RunTurn(&loop_);
  EXPECT_EQ(server_->streams(), 0U);
}

TEST_F(H2ServerTest, AResetReachesItsStreamAlone) {
  Connect();
  Receive(Headers(1, Get()) + Headers(3, Get()) + RstStream(1, NGHTTP2_CANCEL));
  EXPECT_THAT(owner_.requests[0]->events, ElementsAre("end", HasSubstr("CANCEL")));
  EXPECT_EQ(owner_.requests[0]->stream, nullptr);
  owner_.requests[1]->Answer(200, "x");
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("HEADERS 3 :status=200", "DATA 3 x end"));
}

TEST_F(H2ServerTest, APausedRequestKeepsItsOwnWindowAndNoOther) {
  Connect();
  owner_.pause = true;
  Receive(Headers(1, Post(), kEndHeaders));
  owner_.pause = false;
  Receive(Headers(3, Post(), kEndHeaders));
  ServedRequest& paused = *owner_.requests[0];
  ServedRequest& other = *owner_.requests[1];
  const std::string chunk(16 * 1024, 'x');
  for (int i = 0; i < 16; ++i) Receive(Data(1, chunk));
  EXPECT_EQ(paused.body, "");
  EXPECT_EQ(WindowReturned(TakeFrames(), 1), 0U);
  for (int i = 0; i < 256; ++i) Receive(Data(3, chunk));
  EXPECT_EQ(other.body.size(), 256 * chunk.size());
  const std::vector<SeenFrame> frames = TakeFrames();
  EXPECT_GT(WindowReturned(frames, 0), 2U * 1024 * 1024);
  EXPECT_GT(WindowReturned(frames, 3), 3U * 1024 * 1024);
  EXPECT_EQ(WindowReturned(frames, 1), 0U);
  Receive(Data(1, "", kEndStream));
  EXPECT_THAT(paused.events, IsEmpty());
  paused.stream->ResumeRequest();
  RunTurn(&loop_);
  EXPECT_EQ(paused.body.size(), 16 * chunk.size());
  EXPECT_THAT(paused.events, ElementsAre("end"));
}

TEST_F(H2ServerTest, AWindowIsNeverExceeded) {
  Connect();
  owner_.pause = true;
  Receive(Headers(1, Post(), kEndHeaders));
  const std::string chunk(16 * 1024, 'x');
  for (int i = 0; i < 17; ++i) Receive(Data(1, chunk));
  EXPECT_THAT(TakeLines(), Contains("RST 1 FLOW_CONTROL_ERROR"));
  EXPECT_THAT(owner_.last().events, ElementsAre(HasSubstr("FLOW_CONTROL_ERROR")));
  ExpectServes(3);
}

TEST_F(H2ServerTest, PausedBytesOfManyStreamsAreBounded) {
  Connect();
  owner_.pause = true;
  const std::string chunk(16 * 1024, 'x');
  uint64_t returned = H2Connection::kConnectionWindow;
  uint64_t sent = 0;
  for (uint32_t stream = 1; stream < 2 * 60; stream += 2) {
    Receive(Headers(stream, Post(), kEndHeaders));
    for (int i = 0; i < 16 && returned - sent >= chunk.size(); ++i) {
      Receive(Data(stream, chunk));
      sent += chunk.size();
      returned += WindowReturned(TakeFrames(), 0);
    }
  }
  EXPECT_LE(sent, H2Connection::kMaxBuffered + H2Connection::kConnectionWindow);
  // What is taken makes room again.
  for (const auto& request : owner_.requests) request->stream->ResumeRequest();
  RunTurn(&loop_);
  EXPECT_GT(WindowReturned(TakeFrames(), 0), 0U);
}

TEST_F(H2ServerTest, AShutWindowBlocksTheSenderUntilItOpens) {
  Connect(Settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}}));
  Receive(Headers(1, Get()) + Headers(3, Get()));
  ServedRequest& request = *owner_.requests[0];
  request.SendHead(200, {BodyKind::kStreamed, 0});
  const std::string chunk(64 * 1024, 'x');
  EXPECT_EQ(request.stream->SendBody(chunk), WriteResult::kMore);
  EXPECT_EQ(request.stream->SendBody(chunk), WriteResult::kMore);
  EXPECT_EQ(request.stream->SendBody(chunk), WriteResult::kMore);
  EXPECT_EQ(request.stream->SendBody(chunk), WriteResult::kBlocked);
  RunTurn(&loop_);
  EXPECT_THAT(request.events, ElementsAre("end"));
  // The other stream is not held up.
  Receive(WindowUpdate(3, 10));
  owner_.requests[1]->Answer(200, "yes");
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), Contains("DATA 3 yes end"));
  Receive(WindowUpdate(0, 1 << 20) + WindowUpdate(1, 127 * 1024));
  EXPECT_THAT(request.events, ElementsAre("end"));
  Receive(WindowUpdate(1, 1024));
  EXPECT_THAT(request.events, ElementsAre("end", "drained"));
}

TEST_F(H2ServerTest, AFullTransportHoldsBodiesBack) {
  Connect();
  Receive(Headers(1, Get()));
  wire_.blocked = true;
  owner_.last().SendHead(200, {BodyKind::kStreamed, 0});
  owner_.last().stream->SendBody(std::string(50'000, 'x'));
  RunTurn(&loop_);
  EXPECT_LT(wire_.written.size(), 20'000U);
  wire_.blocked = false;
  wire_.listener->OnDrained();
  RunTurn(&loop_);
  EXPECT_GT(wire_.written.size(), 50'000U);
}

TEST_F(H2ServerTest, AReplyCutShortIsResetBehindWhatCame) {
  Connect();
  for (uint32_t stream : {1, 3, 5}) Receive(Headers(stream, Get()));
  owner_.requests[0]->SendHead(200, {BodyKind::kUntilClose, 0});
  owner_.requests[0]->stream->SendBody("part");
  owner_.requests[0]->End(EndKind::kTruncated);
  owner_.requests[1]->SendHead(200, {BodyKind::kLength, 10});
  owner_.requests[1]->stream->SendBody("part");
  owner_.requests[1]->End();
  owner_.requests[2]->SendHead(200, {BodyKind::kStreamed, 0});
  owner_.requests[2]->stream->Abort();
  RunTurn(&loop_);
  const std::vector<std::string> lines = TakeLines();
  EXPECT_THAT(lines, Contains("DATA 1 part"));
  EXPECT_THAT(lines, Contains("RST 1 INTERNAL_ERROR"));
  EXPECT_THAT(lines, Contains("DATA 3 part"));
  EXPECT_THAT(lines, Contains("RST 3 INTERNAL_ERROR"));
  EXPECT_THAT(lines, Contains("RST 5 INTERNAL_ERROR"));
  EXPECT_THAT(lines, Not(Contains(testing::EndsWith("end"))));
  EXPECT_EQ(server_->streams(), 0U);
  ExpectServes(7);
}

TEST_F(H2ServerTest, AnEarlyReplyIsWholeAndTheRestOfTheBodyUnwanted) {
  Connect();
  Receive(Headers(1, Post(), kEndHeaders) + Data(1, "part"));
  owner_.last().Answer(413, "no");
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("HEADERS 1 :status=413", "DATA 1 no end", "RST 1 NO_ERROR"));
  Receive(Data(1, "more", kEndStream));
  ExpectServes(3);
}

// ---- RFC 8441

TEST_F(H2ServerTest, AnExtendedConnectIsAWebSocketHandshake) {
  Connect();
  Receive(Headers(1, WebSocket(), kEndHeaders) + Data(1, "early"));
  ServedRequest& request = owner_.last();
  EXPECT_EQ(request.head->method, "GET");
  EXPECT_EQ(request.head->upgrade, "websocket");
  EXPECT_EQ(request.head->path, "/chat");
  EXPECT_EQ(request.head->body.kind, BodyKind::kNone);
  EXPECT_EQ(request.body, "");
  EXPECT_THAT(request.events, ElementsAre("end"));
  ResponseHead reply;
  reply.status = 101;
  reply.upgrade = "websocket";
  const std::string accept =
      WebSocketAcceptFor(request.head->headers.Find("Sec-WebSocket-Key")->value);
  reply.headers.Add("Sec-WebSocket-Accept", accept);
  reply.headers.Add("Sec-WebSocket-Protocol", "chat");
  request.stream->SendHead(reply);
  request.stream->SendBody("hello");
  RunTurn(&loop_);
  EXPECT_EQ(request.body, "early");
  EXPECT_THAT(TakeLines(),
              ElementsAre("HEADERS 1 :status=200 sec-websocket-protocol=chat", "DATA 1 hello"));
  // Each direction ends on its own.
  request.stream->EndResponse(EndKind::kClean);
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("DATA 1  end"));
  Receive(Data(1, " late") + Data(1, "", kEndStream));
  EXPECT_EQ(request.body, "early late");
  EXPECT_THAT(request.events, ElementsAre("end", "end"));
  EXPECT_EQ(server_->streams(), 0U);
}

TEST_F(H2ServerTest, AWebSocketThatDidNotOpenIsNotTakenForOne) {
  for (int status : {101, 200}) {
    Connect();
    Receive(Headers(1, WebSocket(), kEndHeaders));
    ResponseHead reply;
    reply.status = status;
    reply.upgrade = "websocket";
    reply.headers.Add("Sec-WebSocket-Accept", "wrong");
    owner_.last().stream->SendHead(reply);
    owner_.last().stream->SendBody("ignored");
    RunTurn(&loop_);
    EXPECT_THAT(TakeLines(), ElementsAre(HasSubstr("HEADERS 1 :status=502"),
                                         HasSubstr("upstream_protocol"), "RST 1 NO_ERROR"));
    EXPECT_THAT(owner_.last().events, ElementsAre("end", HasSubstr("handshake was refused")));
    EXPECT_EQ(server_->streams(), 0U);
  }
}

TEST_F(H2ServerTest, ARefusedWebSocketIsAnOrdinaryReply) {
  Connect();
  Receive(Headers(1, WebSocket(), kEndHeaders));
  owner_.last().Answer(403, "no");
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("HEADERS 1 :status=403", "DATA 1 no end", "RST 1 NO_ERROR"));
}

TEST_F(H2ServerTest, AConnectIsTheOwnersToRefuse) {
  Connect();
  Receive(Headers(1, {{":method", "CONNECT"}, {":authority", "b.test:443"}}, kEndHeaders));
  EXPECT_EQ(owner_.last().head->method, "CONNECT");
  EXPECT_EQ(owner_.last().head->host, "b.test:443");
}

// ---- The end

TEST_F(H2ServerTest, ADrainFinishesWhatHasBegunAndTakesNoMore) {
  Connect();
  Receive(Headers(1, Get()));
  server_->Drain();
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("GOAWAY 1 NO_ERROR"));
  Receive(Headers(3, Get()));
  EXPECT_EQ(owner_.requests.size(), 1U);
  owner_.last().Answer(200, "last");
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("HEADERS 1 :status=200", "DATA 1 last end"));
  EXPECT_TRUE(owner_.done);
  EXPECT_TRUE(wire_.retired);
}

TEST_F(H2ServerTest, AnIdleConnectionDrainsAtOnce) {
  Connect();
  server_->Drain();
  RunTurn(&loop_);
  EXPECT_TRUE(owner_.done);
}

TEST_F(H2ServerTest, EveryStreamLearnsThatTheClientIsGone) {
  Connect();
  Receive(Headers(1, Get()) + Headers(3, Post(), kEndHeaders));
  wire_.listener->OnEnd(net::EndKind::kTruncated);
  RunTurn(&loop_);
  EXPECT_THAT(owner_.requests[0]->events, ElementsAre("end", HasSubstr("gone")));
  EXPECT_THAT(owner_.requests[1]->events, ElementsAre(HasSubstr("gone")));
  EXPECT_TRUE(owner_.done);
}

TEST_F(H2ServerTest, ABlockThatDoesNotEndInTimeEndsTheConnection) {
  context_.limits.head_timeout = std::chrono::milliseconds(1);
  Connect();
  Receive(Headers(1, Get(), kEndStream));
  while (!owner_.done) RunTurn(&loop_);
  EXPECT_THAT(owner_.requests, IsEmpty());
}

TEST_F(H2ServerTest, APrefaceThatDoesNotComeInTimeEndsTheConnection) {
  context_.limits.head_timeout = std::chrono::milliseconds(1);
  server_ = net::RetirePtr<H2Server>(new H2Server(
      &context_, net::TransportPtr(new FakeTransport(&loop_, &wire_)), "PRI * HTTP", &owner_));
  while (!owner_.done) RunTurn(&loop_);
}

TEST_F(H2ServerTest, AnIdleConnectionIsClosedWithAGoodbye) {
  context_.limits.idle_timeout = std::chrono::milliseconds(1);
  Connect();
  while (!owner_.done) RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("GOAWAY 0 NO_ERROR"));
}

TEST_F(H2ServerTest, AReplyThatNobodyReadsIsResetInTheEnd) {
  context_.limits.idle_timeout = std::chrono::milliseconds(1);
  Connect(Settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 2}}));
  Receive(Headers(1, Get()) + Headers(3, Get()));
  owner_.requests[0]->Answer(200, "unread");
  // This one's exchange watches over it.
  owner_.requests[1]->SendHead(200, {BodyKind::kStreamed, 0});
  owner_.requests[1]->stream->SendBody("unread");
  while (server_->streams() > 1) RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("HEADERS 1 :status=200", "HEADERS 3 :status=200",
                                       "DATA 1 un", "DATA 3 un", "RST 1 CANCEL"));
  EXPECT_NE(owner_.requests[1]->stream, nullptr);
}

TEST_F(H2ServerTest, WhatItsSenderNeverIndexesIsNeverIndexedAgain) {
  Connect();
  // RFC 7541 §6.2.3.
  const std::string secret = std::string(1, 0x10) + HpackString("x-key") + HpackString("k");
  Receive(Frame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 1,
                Block(With(Get(), "x-open", "o")) + secret));
  EXPECT_TRUE(owner_.last().head->headers.Find("x-key")->sensitive);
  EXPECT_FALSE(owner_.last().head->headers.Find("x-open")->sensitive);
}

}  // namespace
}  // namespace sallyport::http
