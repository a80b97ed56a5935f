// Submits one transaction to the coordinator of argv[1] and prints what became of it.
#include <cstdio>

#include "troth/client.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  troth::ClientOptions options;
  options.endpoints = {argv[1]};
  troth::Client client(options);
  troth::SubmitRequest request;
  for (const char* name : {"p1", "p2"})
    request.branches.push_back(
        {troth::NodeName::from_trusted(name), {{"UPDATE a SET v = v + 0 WHERE id = 1", {}, {}}}});
  const auto reply = client.submit(request);
  if (!reply) {
    std::fprintf(stderr, "%s\n", reply.error().context.c_str());
    return 1;
  }
  std::puts(std::string(to_string(reply->outcome.outcome)).c_str());
  return reply->outcome.outcome == troth::Outcome::kCommitted ? 0 : 1;
}
