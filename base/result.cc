#include "troth/result.h"

namespace troth {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case ErrorCode::kNotFound:
      return "NOT_FOUND";
    case ErrorCode::kAlreadyExists:
      return "ALREADY_EXISTS";
    case ErrorCode::kIo:
      return "IO";
    case ErrorCode::kNoSpace:
      return "NO_SPACE";
    case ErrorCode::kCorruption:
      return "CORRUPTION";
    case ErrorCode::kLostMemory:
      return "LOST_MEMORY";
    case ErrorCode::kFenced:
      return "FENCED";
    case ErrorCode::kBusy:
      return "BUSY";
    case ErrorCode::kTimeout:
      return "TIMEOUT";
    case ErrorCode::kUnavailable:
      return "UNAVAILABLE";
    case ErrorCode::kIllegalState:
      return "ILLEGAL_STATE";
    case ErrorCode::kUnsupported:
      return "UNSUPPORTED";
    case ErrorCode::kNotPermitted:
      return "NOT_PERMITTED";
    case ErrorCode::kInternal:
      return "INTERNAL";
  }
  return "INTERNAL";
}

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kCorruption:
    case ErrorCode::kLostMemory:
      return 70;
    case ErrorCode::kIo:
    case ErrorCode::kNoSpace:
      return 74;
    case ErrorCode::kFenced:
      return 75;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kUnsupported:
    case ErrorCode::kNotPermitted:
      return 64;
    case ErrorCode::kBusy:
    case ErrorCode::kTimeout:
    case ErrorCode::kUnavailable:
      return 69;
    case ErrorCode::kIllegalState:
    case ErrorCode::kInternal:
      return 1;
  }
  return 1;
}

}  // namespace troth
