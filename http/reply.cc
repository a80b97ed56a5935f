#include "http/reply.h"

#include "json/admin_json.h"

namespace troth::http {

namespace {

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kUnsupported:
      return 400;
    case ErrorCode::kNotPermitted:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kFenced:
    case ErrorCode::kIllegalState:
      return 409;
    case ErrorCode::kBusy:
    case ErrorCode::kUnavailable:
    case ErrorCode::kNoSpace:
      return 503;
    case ErrorCode::kTimeout:
      return 504;
    case ErrorCode::kIo:
    case ErrorCode::kCorruption:
    case ErrorCode::kLostMemory:
    case ErrorCode::kInternal:
      return 500;
  }
  return 500;
}

}  // namespace

Reply text(int status, std::string body) {
  return {status, "text/plain; charset=utf-8", std::move(body), {}};
}

Reply json(const nlohmann::ordered_json& body, int status) {
  return {status, "application/json", dump(body, 2) + "\n", {}};
}

Reply problem(const Error& error, const std::string& hint) {
  return problem(status_of(error.code), error, hint);
}

Reply problem(int status, const Error& error, const std::string& hint) {
  return json(error_view(to_string(error.code), error.context, hint), status);
}

}  // namespace troth::http
