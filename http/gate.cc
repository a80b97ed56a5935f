#include "http/gate.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace troth::http {

namespace {

constexpr std::size_t kLeast = 16;
constexpr std::size_t kMost = 4096;
constexpr std::string_view kScheme = "Bearer ";

/// Takes as long for a good beginning as for a bad one.
bool is_same(std::string_view given, std::string_view wanted) {
  unsigned differs = given.size() == wanted.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i)
    differs |= static_cast<unsigned char>(given[i]) ^
               static_cast<unsigned char>(wanted[i % wanted.size()]);
  return differs == 0;
}

bool is_json(std::string type) {
  type.resize(std::min(type.size(), type.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return type == "application/json";
}

}  // namespace

Result<std::string> read_token(const std::string& path) {
  const auto wrong = [&](std::string what) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("http-token-file {} {}", path, what));
  };
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0)
    return wrong(fmt::format("cannot be read: {}", std::strerror(errno)));
  if ((found.st_mode & 007) != 0)
    return wrong("is open to every user of this machine: chmod 0640, or 0600");
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return wrong(fmt::format("cannot be read: {}", std::strerror(errno)));
  auto token = text.str();
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  if (token.size() < kLeast || token.size() > kMost ||
      !std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; }))
    return wrong(
        fmt::format("must hold one line of {} to {} printable characters, such as "
                    "`openssl rand -hex 32` prints",
                    kLeast, kMost));
  return token;
}

void Gate::set_token(std::string token) {
  const MutexLock lock(mutex_);
  token_ = std::move(token);
}

std::string Gate::token() const {
  const MutexLock lock(mutex_);
  return token_;
}

std::optional<Reply> Gate::refuse(const std::string& authorization,
                                  const std::string& content_type) const {
  if (token().empty())
    return problem(403, {ErrorCode::kIllegalState, "this HTTP port is read-only"},
                   "the setting http-token-file, or the troth command");
  if (!is_shown(authorization)) {
    auto reply = problem(401, {ErrorCode::kIllegalState, "the token is missing or wrong"},
                         "the header Authorization: Bearer TOKEN");
    reply.headers.emplace("WWW-Authenticate", "Bearer realm=\"troth\"");
    return reply;
  }
  return refuse(content_type);
}

std::optional<Reply> Gate::refuse(const std::string& content_type) {
  if (is_json(content_type)) return std::nullopt;
  return problem(415, {ErrorCode::kInvalidArgument, "the body must be JSON"},
                 "the header Content-Type: application/json");
}

bool Gate::is_shown(const std::string& authorization) const {
  const auto wanted = token();
  return !wanted.empty() && authorization.starts_with(kScheme) &&
         is_same(std::string_view(authorization).substr(kScheme.size()), wanted);
}

}  // namespace troth::http
