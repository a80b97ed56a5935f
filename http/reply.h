#pragma once
// The reply to a request. An error is a status and an object that names it.

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "troth/result.h"

namespace troth::http {

struct Reply {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::map<std::string, std::string> headers;
};

Reply text(int status, std::string body);
Reply json(const nlohmann::ordered_json& body, int status = 200);
/// troth.error/1 with the code's name and the status that belongs to it.
Reply problem(const Error& error, const std::string& hint = {});
/// For errors with an HTTP status of their own.
Reply problem(int status, const Error& error, const std::string& hint = {});

}  // namespace troth::http
