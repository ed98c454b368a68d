// HTTP/1 as the ingress and the worker read and write it: heads of a browser and of a site, chunks.
#include <benchmark/benchmark.h>

#include "common/http/body_framing.hpp"

using namespace scpool;

namespace {

constexpr std::string_view kRequest =
    "GET http://shop.example.com/products/4711?colour=green&size=42 HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Accept-Language: en-GB,en;q=0.9\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=1\r\n"
    "Referer: http://shop.example.com/products\r\n"
    "Proxy-Connection: keep-alive\r\n"
    "\r\n";
constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Server: nginx/1.22.1\r\n"
    "Date: Fri, 20 Nov 2026 07:00:00 GMT\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Content-Length: 1024\r\n"
    "Last-Modified: Thu, 19 Nov 2026 07:00:00 GMT\r\n"
    "ETag: \"673d8f10-400\"\r\n"
    "Cache-Control: max-age=60\r\n"
    "\r\n";

void parse_head(benchmark::State& state, HeadParser::Kind kind, std::string_view text) {
  for (auto _ : state) {
    HeadParser parser(kind);
    benchmark::DoNotOptimize(parser.receive(as_bytes(text)));
    if (parser.state() != HeadParser::State::Done) {
      state.SkipWithError("not a whole head");
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK_CAPTURE(parse_head, request, HeadParser::Kind::Request, kRequest);
BENCHMARK_CAPTURE(parse_head, response, HeadParser::Kind::Response, kResponse);

void write_response_head(benchmark::State& state) {
  HeadParser parser(HeadParser::Kind::Response);
  parser.receive(as_bytes(kResponse));
  std::string out;
  for (auto _ : state) {
    out.clear();
    write_head(parser.response(), out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(out.size()));
}
BENCHMARK(write_response_head);

// A body of 1 MiB in chunks of so many bytes.
void read_chunked_body(benchmark::State& state) {
  const auto chunk = static_cast<std::size_t>(state.range(0));
  std::string text;
  for (std::size_t done = 0; done < (1U << 20U); done += chunk) {
    append_chunk_start(chunk, text);
    text.append(chunk, 'x');
    append_chunk_end(text);
  }
  append_last_chunk({}, text);
  for (auto _ : state) {
    BodyReader reader({BodyKind::Chunked, 0});
    ByteView left = as_bytes(text);
    while (reader.state() == BodyReader::State::NeedMore && !left.empty()) {
      const BodyReader::Step step = reader.receive(left);
      benchmark::DoNotOptimize(step.body.data());
      left = left.subspan(step.consumed);
    }
    if (reader.state() != BodyReader::State::Done) {
      state.SkipWithError("not a whole body");
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(read_chunked_body)->Arg(64)->Arg(1024)->Arg(16 * 1024);

}  // namespace
