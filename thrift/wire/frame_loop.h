#pragma once
// Many connections on one thread: reads frames, hands each to a handler, writes answers. A
// connection has one call at a time, as with a thread of its own. The loop reads the next frame
// when the answer to the one before has been sent. Internal to the server.

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "os/logging.h"
#include "thrift/wire/frames_in_progress.h"
#include "thrift/wire/handshakes.h"
#include "thrift/wire/loop_waker.h"
#include "thrift/wire/stream.h"
#include "troth/result.h"
#include "troth/time.h"

namespace troth::thrift {

struct FrameLoopOptions {
  std::string host;
  std::uint16_t port = 0;
  std::size_t max_connections = 0;
  Duration idle_timeout{0};  ///< without a byte and without a call under way
  Duration send_timeout{0};  ///< for a peer that does not read
  /// From the connection to its first whole frame.
  Duration first_frame_timeout{0};
  Duration frame_timeout{0};                 ///< from the first byte of a frame to its last one
  std::size_t max_frame_bytes = 0;           ///< of one frame
  std::size_t frames_in_progress_bytes = 0;  ///< of all that are not whole
  std::shared_ptr<const tls::CredentialStore> credentials = nullptr;  ///< null = plain TCP
  HandshakeLimits handshakes = {};
};

/// What becomes of a frame.
enum class FrameVerdict {
  kTaken,     ///< FrameLoop::reply() follows, not before on_frame() has returned
  kHandOver,  ///< not for the loop: the connection goes, with everything unread, to hand_over()
  kClose,
};

/// All on the loop's thread, or on one that runs a round instead of it (LoopWaker).
class FrameHandler {
 public:
  using Clock = std::chrono::steady_clock;
  virtual ~FrameHandler() = default;
  /// A whole frame, without its length, from `by`.
  virtual FrameVerdict on_frame(std::uint64_t connection, const protocol::Principal& by,
                                std::string_view frame) = 0;
  /// Takes a connection that the loop no longer wants.
  virtual void hand_over(std::unique_ptr<Stream> stream, std::string unread) = 0;
  /// Connections that count against the limit and are not the loop's.
  virtual std::size_t elsewhere() const = 0;
  /// Closes the connection elsewhere that has been silent for longest, and since before `before`.
  virtual bool close_idlest(std::optional<Clock::time_point> before) = 0;
  /// After every wake-up: answers what is ready.
  virtual void on_round() = 0;
  /// After on_round(), when the loop's state is free: may take its time, and other threads may run
  /// a round meanwhile.
  virtual void after_round() = 0;
  virtual std::optional<Clock::time_point> next_wake() const = 0;
  /// Before the loop ends: the last chance to answer.
  virtual void on_stop() = 0;
};

class FrameLoop {
 public:
  FrameLoop(FrameLoopOptions options, FrameHandler& handler, std::shared_ptr<LoopWaker> waker,
            Logger logger);
  ~FrameLoop();

  /// Binds and listens. kUnavailable if it cannot.
  Status listen();
  std::uint16_t port() const { return port_; }
  void start();
  /// Answers what on_stop() answers, closes every connection and joins. Idempotent.
  void stop();

  /// From the handler only. `framed` has its length in front. Does nothing if the connection is
  /// gone.
  void reply(std::uint64_t connection, std::string_view framed);
  /// From the handler only: closes it, whatever it waits for.
  void drop(std::uint64_t connection);

 private:
  using Clock = FrameHandler::Clock;
  struct Connection {
    std::unique_ptr<Stream> stream;
    std::string in, out;
    Clock::time_point active;    ///< the last byte, or the last answer
    Clock::time_point began;     ///< accepted, or the first byte of the frame that is not whole
    bool known = false;          ///< it has sent a whole frame
    bool busy = false;           ///< a call is under way
    bool ended = false;          ///< nothing more comes
    std::uint32_t interest = 0;  ///< as epoll knows it
  };
  using Connections = std::unordered_map<std::uint64_t, Connection>;

  void run(const std::stop_token& stop);
  void look_at(int events);
  void round_here();
  void accept_all();
  void read(std::uint64_t id);
  void look_at_frames(std::uint64_t id);
  void give_away(Connections::iterator at);
  bool send_out(Connection& connection);
  void flush(std::uint64_t id);
  void settle(Connections::iterator at);
  void close(Connections::iterator at);
  void close_silent();
  void end_late_handshakes();
  void drop_unwelcome();
  bool make_room();
  bool somebody_waits() const;
  void warn_rarely(const char* what);
  void note_progress(std::uint64_t id, Connection& connection);
  void want(std::uint64_t id, Connection& connection, std::uint32_t events);
  void listen_for_more(bool on);
  int wait_ms() const;

  const FrameLoopOptions options_;
  FrameHandler& handler_;
  const std::shared_ptr<LoopWaker> waker_;
  const Logger logger_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int epoll_ = -1;
  bool listening_ = false;
  Clock::time_point complain_again_;  ///< not more often that no connection can be accepted
  Clock::time_point now_;
  Clock::time_point next_sweep_;
  Clock::time_point wakes_at_;  ///< at the latest, as long as it waits
  std::array<epoll_event, 256> events_;
  std::optional<Clock::time_point> listen_again_;  ///< after running out of descriptors
  std::uint64_t last_id_ = 1;                      ///< 0 and 1 are the listener and the waker
  Connections connections_;
  FramesInProgress in_progress_;
  Handshakes handshakes_;
  struct GaveWay {
    Clock::time_point warned;  ///< that a connection had to
    std::uint64_t count = 0;
  } gave_way_;
  std::jthread thread_;
};

}  // namespace troth::thrift
