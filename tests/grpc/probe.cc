// The probe in C++: a gRPC server or client, as it is told; the same as probe.py.
//   probe serve CHAIN KEY [pings]
//   probe call TARGET METHOD [NAME=NUMBER]…
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "probe.grpc.pb.h"

namespace {

using probe::Probe;
using probe::Reply;
using probe::Request;

// A line on standard output for the test to read. The fields are JSON already.
void Tell(const std::string& fields) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  std::cout << '{' << fields << '}' << std::endl;
}

std::string Quoted(const grpc::string_ref& text) {
  return '"' + std::string(text.data(), text.size()) + '"';
}

const char* Word(bool value) { return value ? "true" : "false"; }

std::string Pattern(size_t size) {
  std::string pattern(size, '\0');
  for (size_t i = 0; i < size; ++i) pattern[i] = static_cast<char>(i % 251);
  return pattern;
}

// ---- Server

// Tells of a call's beginning and of its end.
class Call {
 public:
  Call(const char* method, grpc::ServerContext* context) : method_(method), context_(context) {
    const auto& fields = context->client_metadata();
    const auto authorization = fields.find("authorization");
    const bool has_deadline = context->deadline() != std::chrono::system_clock::time_point::max();
    Tell("\"call\":\"" + method_ + "\",\"authorization\":" +
         Quoted(authorization == fields.end() ? "" : authorization->second) +
         ",\"deadline\":" + Word(has_deadline));
    context->AddTrailingMetadata("x-end-bin", std::string("\0\1\xff", 3));
  }

  ~Call() { Tell("\"end\":\"" + method_ + "\",\"cancelled\":" + Word(context_->IsCancelled())); }

  // The status that the request wants, once it wants one. The synchronous API has no other way to
  // wait for a cancellation than to ask.
  grpc::Status EndIfAsked(const Request& request) {
    if (request.hold()) {
      while (!context_->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      // For nobody, unless the deadline passed here first.
      return {grpc::StatusCode::DEADLINE_EXCEEDED, "held"};
    }
    if (request.code() == 0) return grpc::Status::OK;
    return {static_cast<grpc::StatusCode>(request.code()), "asked for: 100 % ü"};
  }

 private:
  const std::string method_;
  grpc::ServerContext* const context_;
};

class Server final : public Probe::Service {
  grpc::Status Unary(grpc::ServerContext* context, const Request* request, Reply* reply) override {
    Call call("Unary", context);
    reply->set_payload(request->payload());
    reply->set_received(request->payload().size());
    return call.EndIfAsked(*request);
  }

  grpc::Status Upload(grpc::ServerContext* context, grpc::ServerReader<Request>* requests,
                      Reply* reply) override {
    Call call("Upload", context);
    uint64_t received = 0;
    for (Request request; requests->Read(&request);) {
      received += request.payload().size();
      const grpc::Status status = call.EndIfAsked(request);
      if (!status.ok()) return status;
    }
    reply->set_received(received);
    return grpc::Status::OK;
  }

  grpc::Status Download(grpc::ServerContext* context, const Request* request,
                        grpc::ServerWriter<Reply>* replies) override {
    Call call("Download", context);
    Reply reply;
    reply.set_payload(Pattern(request->size()));
    for (uint32_t i = 0; i < request->replies() && replies->Write(reply); ++i) {
    }
    return call.EndIfAsked(*request);
  }

  grpc::Status Chat(grpc::ServerContext* context,
                    grpc::ServerReaderWriter<Reply, Request>* stream) override {
    Call call("Chat", context);
    uint64_t received = 0;
    for (Request request; stream->Read(&request);) {
      received += request.payload().size();
      Reply reply;
      reply.set_payload(request.payload());
      reply.set_received(received);
      if (request.code() == 0) stream->Write(reply);
      const grpc::Status status = call.EndIfAsked(request);
      if (!status.ok()) return status;
    }
    return grpc::Status::OK;
  }
};

std::string ReadFile(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Calls `set` with each option of keepalive, on a channel or a server.
void SetKeepalive(const std::function<void(const char*, int)>& set) {
  set(GRPC_ARG_KEEPALIVE_TIME_MS, 100);
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 1000);
  set(GRPC_ARG_HTTP2_MIN_SENT_PING_INTERVAL_WITHOUT_DATA_MS, 100);
  set(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
}

void Serve(const char* chain, const char* key, bool pings) {
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back({ReadFile(key), ReadFile(chain)});
  Server service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port);
  builder.RegisterService(&service);
  builder.SetMaxReceiveMessageSize(-1);
  if (pings) {
    SetKeepalive([&](const char* name, int value) { builder.AddChannelArgument(name, value); });
  }
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  Tell("\"port\":" + std::to_string(port));
  std::cin.get();
  server->Shutdown(std::chrono::system_clock::now());
}

// ---- Client

struct Options {
  std::map<std::string, uint32_t> values = {{"count", 1}, {"calls", 1}};

  uint32_t operator[](const char* name) const {
    const auto found = values.find(name);
    return found == values.end() ? 0 : found->second;
  }
};

// One call, and what came of it.
class ClientCall {
 public:
  ClientCall(Probe::Stub* stub, const Options& options)
      : stub_(stub), options_(options), pattern_(Pattern(options["size"])) {
    if (options["timeout_ms"] != 0) {
      context_.set_deadline(std::chrono::system_clock::now() +
                            std::chrono::milliseconds(options["timeout_ms"]));
    }
  }

  void Run(const std::string& method) {
    grpc::Status status;
    if (method == "Unary") {
      status = RunUnary();
    } else if (method == "Upload") {
      status = RunUpload();
    } else if (method == "Download") {
      status = RunDownload();
    } else {
      status = RunChat();
    }
    std::string end;
    const auto& trailers = context_.GetServerTrailingMetadata();
    const auto found = trailers.find("x-end-bin");
    if (found != trailers.end()) {
      for (const char byte : found->second) {
        char digits[3];
        std::snprintf(digits, sizeof(digits), "%02x", static_cast<uint8_t>(byte));
        end += digits;
      }
    }
    Tell("\"code\":" + std::to_string(status.error_code()) +
         ",\"message\":" + Quoted(status.error_message()) +
         ",\"replies\":" + std::to_string(replies_) + ",\"received\":" + std::to_string(received_) +
         ",\"intact\":" + Word(intact_) + ",\"end\":\"" + end + '"');
  }

 private:
  Request RequestOf(uint32_t i) const {
    const bool last = i + 1 == options_["count"];
    Request request;
    request.set_payload(pattern_);
    request.set_replies(options_["replies"]);
    request.set_size(options_["size"]);
    request.set_code(last ? options_["code"] : 0);
    request.set_hold(last && options_["hold"] != 0);
    return request;
  }

  void Take(const Reply& reply) {
    ++replies_;
    received_ = reply.received();
    intact_ = intact_ && reply.payload() == pattern_;
    if (replies_ == options_["cancel_after"]) context_.TryCancel();
  }

  grpc::Status RunUnary() {
    Reply reply;
    const grpc::Status status = stub_->Unary(&context_, RequestOf(0), &reply);
    if (status.ok()) Take(reply);
    return status;
  }

  grpc::Status RunUpload() {
    Reply reply;
    const auto stream = stub_->Upload(&context_, &reply);
    for (uint32_t i = 0; i < options_["count"] && stream->Write(RequestOf(i)); ++i) {
    }
    if (options_["open"] == 0) stream->WritesDone();
    const grpc::Status status = stream->Finish();
    if (status.ok()) {
      ++replies_;
      received_ = reply.received();
    }
    return status;
  }

  grpc::Status RunDownload() {
    const auto stream = stub_->Download(&context_, RequestOf(0));
    for (Reply reply; stream->Read(&reply);) Take(reply);
    return stream->Finish();
  }

  // Each request goes out when the one before it has been answered.
  grpc::Status RunChat() {
    const auto stream = stub_->Chat(&context_);
    Reply reply;
    for (uint32_t i = 0; i < options_["count"]; ++i) {
      if (!stream->Write(RequestOf(i)) || !stream->Read(&reply)) break;
      Take(reply);
    }
    if (options_["open"] == 0) stream->WritesDone();
    while (stream->Read(&reply)) Take(reply);
    return stream->Finish();
  }

  Probe::Stub* const stub_;
  const Options& options_;
  const std::string pattern_;
  grpc::ClientContext context_;
  uint32_t replies_ = 0;
  uint64_t received_ = 0;
  bool intact_ = true;
};

void CallServer(const char* target, const char* method, const Options& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  if (options["pings"] != 0) {
    SetKeepalive([&](const char* name, int value) { arguments.SetInt(name, value); });
  }
  const auto channel = grpc::CreateCustomChannel(target, grpc::SslCredentials({}), arguments);
  const std::unique_ptr<Probe::Stub> stub = Probe::NewStub(channel);
  std::vector<std::thread> calls;
  for (uint32_t i = 0; i < options["calls"]; ++i) {
    calls.emplace_back([&] { ClientCall(stub.get(), options).Run(method); });
  }
  for (std::thread& call : calls) call.join();
}

}  // namespace

int main(int count, char** arguments) {
  if (std::string(arguments[1]) == "serve") {
    Serve(arguments[2], arguments[3], count > 4);
    return 0;
  }
  Options options;
  for (int i = 4; i < count; ++i) {
    const std::string argument = arguments[i];
    const size_t equals = argument.find('=');
    options.values[argument.substr(0, equals)] = std::stoul(argument.substr(equals + 1));
  }
  CallServer(arguments[2], arguments[3], options);
  return 0;
}
