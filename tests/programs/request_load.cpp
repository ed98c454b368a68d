// Small requests one after the other on kept connections, with or without a CONNECT before the
// first: what wrk does, which knows no CONNECT. Prints one object of JSON.
//   request_load ADDRESS PORT HOST PATH CONNECTIONS SECONDS [connect]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/text.hpp"
#include "common/http/message_head.hpp"
#include "common/io/stream.hpp"
#include "common/io/timer.hpp"

namespace scpool {
namespace {

using SteadyClock = std::chrono::steady_clock;  // the loop's is read once a turn

struct Wish {
  Endpoint to;
  std::string host;
  std::string path;
  std::size_t connections = 1;
  Duration time;
  bool connect = false;
};

class RequestLoad {
 public:
  explicit RequestLoad(Wish wish) : wish_(std::move(wish)), end_(loop_) {
    for (std::size_t i = 0; i < wish_.connections; ++i) {
      clients_.push_back(std::make_unique<Client>(*this));
    }
  }

  int run() {
    loop_.run();
    if (!problem_.empty()) {
      std::fprintf(stderr, "request_load: %s\n", problem_.c_str());
      return 1;
    }
    const double seconds = std::chrono::duration<double>(ended_ - began_).count();
    std::printf(R"({"requests": %zu, "seconds": %.6f, "p50_us": %.1f, "p99_us": %.1f})"
                "\n",
                micros_.size(),
                seconds,
                quantile(0.50),
                quantile(0.99));
    return 0;
  }

 private:
  class Client final : public StreamListener {
   public:
    explicit Client(RequestLoad& load)
        : load_(load), stream_(Stream::connect_tcp(load.loop_, load.wish_.to)) {
      stream_->set_listener(this);
    }

    void ask() {
      asked_ = SteadyClock::now();
      stream_->write("GET " + load_.wish_.path + " HTTP/1.1\r\nHost: " + load_.wish_.host +
                     "\r\n\r\n");
    }

    void on_open() override {
      if (load_.wish_.connect) {
        tunnelled_ = false;
        stream_->write("CONNECT " + load_.wish_.host + " HTTP/1.1\r\nHost: " + load_.wish_.host +
                       "\r\n\r\n");
      } else {
        load_.one_is_ready();
      }
    }

    void on_bytes(ByteView bytes) override {
      while (!bytes.empty()) {
        if (body_left_ == 0) {
          bytes = bytes.subspan(parser_.receive(bytes));
          if (parser_.state() == HeadParser::State::NeedMore) {
            return;
          }
          if (!take_head()) {
            return;
          }
        }
        const std::size_t count = std::min(body_left_, bytes.size());
        body_left_ -= count;
        bytes = bytes.subspan(count);
        if (count > 0 && body_left_ == 0) {
          load_.one_is_answered(SteadyClock::now() - asked_);
          ask();
        }
      }
    }
    void on_end() override { load_.fail("a connection was closed"); }
    void on_failed(const Error& error) override { load_.fail(error.sentence()); }

   private:
    bool take_head() {
      if (parser_.state() == HeadParser::State::Refused || parser_.response().status != 200) {
        load_.fail("an answer is not a 200: " + parser_.problem().sentence);
        return false;
      }
      if (tunnelled_) {
        const auto length = parser_.response().fields.find("content-length");
        body_left_ = parse_number(length.value_or("")).value_or(0);
        if (body_left_ == 0) {
          load_.fail("an answer says no Content-Length");
        }
      } else {
        tunnelled_ = true;
        load_.one_is_ready();
      }
      parser_ = HeadParser(HeadParser::Kind::Response);
      return load_.problem_.empty();
    }

    RequestLoad& load_;
    std::unique_ptr<Stream> stream_;
    HeadParser parser_{HeadParser::Kind::Response};
    std::size_t body_left_ = 0;
    bool tunnelled_ = true;
    SteadyClock::time_point asked_{};
  };

  // All begin together.
  void one_is_ready() {
    if (++ready_ == wish_.connections) {
      began_ = SteadyClock::now();
      end_.start(wish_.time, [this] {
        ended_ = SteadyClock::now();
        loop_.stop();
      });
      for (const auto& client : clients_) {
        client->ask();
      }
    }
  }

  void one_is_answered(SteadyClock::duration after) {
    micros_.push_back(std::chrono::duration<float, std::micro>(after).count());
  }

  void fail(const std::string& problem) {
    problem_ = problem;
    loop_.stop();
  }

  float quantile(double share) {
    if (micros_.empty()) {
      return 0;
    }
    const auto at = micros_.begin() +
                    static_cast<std::ptrdiff_t>(share * static_cast<double>(micros_.size() - 1));
    std::nth_element(micros_.begin(), at, micros_.end());
    return *at;
  }

  Wish wish_;
  EventLoop loop_;
  Timer end_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::size_t ready_ = 0;
  SteadyClock::time_point began_{};
  SteadyClock::time_point ended_{};
  std::vector<float> micros_;
  std::string problem_;
};

}  // namespace
}  // namespace scpool

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.size() < 6) {
    std::fprintf(stderr, "request_load ADDRESS PORT HOST PATH CONNECTIONS SECONDS [connect]\n");
    return 2;
  }
  scpool::RequestLoad load({{words[0], static_cast<std::uint16_t>(std::atoi(words[1].c_str()))},
                            words[2],
                            words[3],
                            static_cast<std::size_t>(std::atoi(words[4].c_str())),
                            std::chrono::seconds{std::atoi(words[5].c_str())},
                            words.size() > 6 && words[6] == "connect"});
  return load.run();
}
