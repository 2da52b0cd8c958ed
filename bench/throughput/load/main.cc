// The load generator of the throughput harness: one thread, one proxy, one kind of load.
//
// It warms up, stops, prints {"event":"ready"} and waits for a line on standard input; then it
// measures, prints the result as one line of JSON and waits again before it closes its connections.
// Whoever runs it looks at the proxy at those two moments, when no request is under way.

#include <arpa/inet.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>

#include "base/json.h"
#include "bench/throughput/load/workload.h"
#include "bench/throughput/wire/fatal.h"
#include "bench/throughput/wire/tls_stream.h"

namespace sallyport::bench {
namespace {

struct Options {
  std::string peer = "127.0.0.1:3128";
  std::string target = "api.test:443";
  std::string ca_file;
  std::string path = "/bytes/1024";
  uint64_t reply_length = 1024;
  uint64_t upload = 0;
  std::string authorization;
  std::string credential = "yes";
  std::string workload = "keep-alive";
  int connections = 1;
  double per_second = 200;
  double warm_up_seconds = 0.5;
  double seconds = 2;
  bool direct = false;
  bool numbered_hosts = false;
};

Options Parse(int argc, char** argv) {
  Options options;
  CLI::App app("Drives one load through a proxy and checks every reply");
  app.add_option("--peer", options.peer, "ADDR:PORT to connect to")->capture_default_str();
  app.add_option("--target", options.target, "HOST:PORT to ask for")->capture_default_str();
  app.add_flag("--direct", options.direct, "No CONNECT: the peer itself speaks TLS");
  app.add_flag("--numbered-hosts", options.numbered_hosts, "A host of its own for each connection");
  app.add_option("--ca", options.ca_file, "Trusted certificates, and no others")->required();
  app.add_option("--workload", options.workload,
                 "keep-alive, new-connection, resumed, handshake, paced, idle or http2")
      ->capture_default_str();
  app.add_option("--connections", options.connections, "Or streams, with http2")
      ->capture_default_str();
  app.add_option("--per-second", options.per_second, "Requests, when paced")->capture_default_str();
  app.add_option("--path", options.path)->capture_default_str();
  app.add_option("--upload", options.upload, "Bytes to send with PUT; 0 is GET");
  app.add_option("--reply-length", options.reply_length, "Bytes due")->capture_default_str();
  app.add_option("--authorization", options.authorization, "What the client itself sends");
  app.add_option("--credential", options.credential,
                 "What the origin must say of the Authorization it received: yes or no")
      ->capture_default_str();
  app.add_option("--warm-up", options.warm_up_seconds, "Seconds")->capture_default_str();
  app.add_option("--seconds", options.seconds, "To measure")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return options;
}

std::pair<std::string, uint16_t> HostAndPort(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) Fatal(fmt::format("'{}' has no port", text));
  const int port = std::atoi(text.c_str() + colon + 1);
  if (port < 1 || port > 65535) Fatal(fmt::format("'{}' has no port", text));
  return {text.substr(0, colon), static_cast<uint16_t>(port)};
}

void Prepare(const Options& options, SSL_CTX* context, Setting& setting) {
  const auto [peer_address, peer_port] = HostAndPort(options.peer);
  setting.route.peer.sin_family = AF_INET;
  setting.route.peer.sin_port = htons(peer_port);
  if (inet_pton(AF_INET, peer_address.c_str(), &setting.route.peer.sin_addr) != 1) {
    Fatal(fmt::format("'{}' is no IPv4 address", peer_address));
  }
  std::tie(setting.route.host, setting.route.port) = HostAndPort(options.target);
  setting.route.connect = !options.direct;
  setting.route.numbered_hosts = options.numbered_hosts;
  setting.route.resume = options.workload == "resumed";
  setting.route.context = context;

  setting.exchange.method = options.upload > 0 ? "PUT" : "GET";
  setting.exchange.path = options.path;
  setting.exchange.authority = options.target;
  setting.exchange.authorization = options.authorization;
  setting.exchange.upload = options.upload;
  setting.exchange.reply_length = options.reply_length;
  setting.exchange.credential = options.credential;
  setting.request_head = RequestHead(setting.exchange);
}

std::unique_ptr<Workload> Make(const Options& options, Setting* setting) {
  const int connections = options.connections;
  if (options.workload == "keep-alive")
    return MakeClosedLoop(setting, connections, Reuse::kConnection);
  if (options.workload == "new-connection" || options.workload == "resumed") {
    return MakeClosedLoop(setting, connections, Reuse::kNothing);
  }
  if (options.workload == "handshake")
    return MakeClosedLoop(setting, connections, Reuse::kHandshake);
  if (options.workload == "paced") return MakePaced(setting, connections, options.per_second);
  if (options.workload == "idle") return MakeIdle(setting, connections);
  if (options.workload == "http2") return MakeHttp2Streams(setting, connections);
  Fatal(fmt::format("no workload '{}'", options.workload));
}

TimePoint After(double seconds) {
  return Clock::now() +
         std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

double OwnCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

double Microseconds(std::chrono::nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1000;
}

std::string Result(const Tally& tally, double seconds, double cpu_seconds) {
  std::string first_error;
  AppendJsonString(&first_error, tally.first_error);
  return fmt::format(
      R"({{"event":"result","done":{},"errors":{},"first_error":{},"opened":{},"resumed":{},)"
      R"("seconds":{:.6f},"client_cpu_seconds":{:.6f},)"
      R"("latency_us":{{"p50":{:.1f},"p90":{:.1f},"p99":{:.1f},"max":{:.1f}}}}})",
      tally.done, tally.errors, first_error, tally.opened, tally.resumed, seconds, cpu_seconds,
      Microseconds(tally.latency.Quantile(0.5)), Microseconds(tally.latency.Quantile(0.9)),
      Microseconds(tally.latency.Quantile(0.99)), Microseconds(tally.latency.highest()));
}

void PrintLine(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void WaitForWord() {
  std::string line;
  std::getline(std::cin, line);
}

void RaiseDescriptorLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Main(int argc, char** argv) {
  const Options options = Parse(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  RaiseDescriptorLimit();
  // The kernel may be 50 µs late for a timer otherwise, which is as much as a proxy takes.
  prctl(PR_SET_TIMERSLACK, 1);

  const ca::SslCtxPtr context = MakeClientContext(
      options.ca_file, options.workload == "http2" ? "h2" : "http/1.1", &Channel::TakeSession);
  Setting setting;
  Prepare(options, context.get(), setting);
  const std::unique_ptr<Workload> workload = Make(options, &setting);

  if (options.workload != "idle") workload->Run(After(options.warm_up_seconds));
  const Tally warm_up = workload->tally();
  if (warm_up.errors > 0) {
    PrintLine(Result(warm_up, options.warm_up_seconds, 0));
    return 1;
  }
  PrintLine(R"({"event":"ready"})");
  WaitForWord();

  workload->tally() = Tally();
  const TimePoint begin = Clock::now();
  const double cpu_begin = OwnCpuSeconds();
  workload->Run(After(options.seconds));
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  PrintLine(Result(workload->tally(), seconds, OwnCpuSeconds() - cpu_begin));
  WaitForWord();
  return workload->tally().errors > 0 ? 1 : 0;
}

}  // namespace
}  // namespace sallyport::bench

int main(int argc, char** argv) { return sallyport::bench::Main(argc, argv); }
