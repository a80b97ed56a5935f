// The CA's directory: what it issues, hands out, revokes and replaces.
#include "tls/authority.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/tls/tls_world.h"

using namespace troth;
using namespace troth::tests;
using namespace troth::tls;

namespace fs = std::filesystem;

namespace {

std::string why(const Status& status) {
  return status ? "" : status.error().context;
}
template <class T>
std::string why(const Result<T>& result) {
  return result ? "" : result.error().context;
}

std::size_t count(const std::vector<IssuedCertificate>& list, bool IssuedCertificate::*flag) {
  return static_cast<std::size_t>(
      std::count_if(list.begin(), list.end(), [&](const auto& entry) { return entry.*flag; }));
}

}  // namespace

TEST_CASE("a holder's directory is complete, and nobody else may read any file of the CA") {
  Ca ca;
  const auto dir = ca.issue("coordinator/c1", {"127.0.0.1", "c1.example.org", "::1"});
  const auto credentials = Ca::load(dir);
  REQUIRE(credentials->own() != nullptr);
  const auto& facts = credentials->own()->facts();
  CHECK(text_of(facts.principal) == "troth://shop/coordinator/c1");
  CHECK(facts.hosts == std::vector<std::string>{"127.0.0.1", "c1.example.org", "::1"});
  CHECK(credentials->own()->covers("127.0.0.1"));
  CHECK(credentials->own()->covers("C1.example.org"));
  CHECK_FALSE(credentials->own()->covers("127.0.0.2"));
  CHECK_FALSE(credentials->own()->covers("c1"));
  CHECK(facts.not_before_ms <= now_ms());
  CHECK(facts.not_after_ms > now_ms() + 364 * kDayMs);
  for (const auto& entry : fs::recursive_directory_iterator(ca.dir())) {
    struct stat found {};
    REQUIRE(::stat(entry.path().c_str(), &found) == 0);
    CHECK_MESSAGE((found.st_mode & 077) == 0, entry.path().string());
  }
}

TEST_CASE("a directory holds one CA, and one process works with it") {
  Ca ca;
  CHECK(why(Authority::create(ca.files(), ca.dir(), "other", {}, now_ms())).find("is locked") !=
        std::string::npos);
  CHECK(why(Authority::open(ca.files(), ca.dir(), now_ms)).find("is locked") != std::string::npos);
  TempDir empty;
  CHECK(why(Authority::open(ca.files(), empty.path(), now_ms)).find("holds no CA") !=
        std::string::npos);
}

TEST_CASE("what cannot be issued is refused with the reason") {
  Ca ca;
  ca.issue("app/web");
  const auto issue = [&](const char* identity, const std::vector<std::string>& hosts) {
    return why(ca.authority().issue(*protocol::parse_uri(std::string("troth://any/") + identity),
                                    hosts, {}));
  };
  CHECK(issue("operator/web", {}).find("web has a certificate already") == 0);
  CHECK(issue("participant/stock", {"a b"}).find("\"a b\" is neither a host name") == 0);
  CHECK(why(ca.authority().renew("nobody", {})).find("nobody has no certificate") == 0);
  CHECK(why(ca.authority().revoke("nobody")).find("nobody has no certificate") == 0);
}

TEST_CASE("renewed: another key and number, and the one before counts on") {
  Ca ca;
  const auto dir = ca.issue("app/web?on=stock:read");
  const auto before = Ca::load(dir);
  REQUIRE(ca.authority().renew("web", {}));
  const auto after = Ca::load(dir);
  CHECK(before->own()->facts().serial != after->own()->facts().serial);
  CHECK(uri_of(after->own()->facts().principal) == "troth://shop/app/web?on=stock:read");
  CHECK(after->why_not_any_more(before->own()->facts(), now_ms()) == "");
  const auto list = *ca.authority().list();
  REQUIRE(list.size() == 3);
  CHECK(count(list, &IssuedCertificate::is_authority) == 1);
  CHECK(count(list, &IssuedCertificate::replaced) == 1);
}

TEST_CASE("revoked: every certificate of the name, in every holder's list, also after a restart") {
  Ca ca;
  const auto web = ca.issue("app/web");
  const auto node = ca.issue("coordinator/c1", {"127.0.0.1"});
  const auto first = Ca::load(web);
  REQUIRE(ca.authority().renew("web", {}));
  const auto second = Ca::load(web);
  CHECK(*ca.authority().revoke("web") == 2);
  ca.reopen();
  const auto judge = Ca::load(node);
  for (const auto& web_credentials : {first, second})
    CHECK(judge->why_not_any_more(web_credentials->own()->facts(), now_ms()).find("revoked") !=
          std::string::npos);
  CHECK(judge->why_not_any_more(judge->own()->facts(), now_ms()) == "");
  CHECK_FALSE(fs::exists(web + "/tls.key"));
  CHECK(count(*ca.authority().list(), &IssuedCertificate::revoked) == 2);
  // The name can be given again; the old certificates stay revoked.
  const auto third = Ca::load(ca.issue("app/web"));
  CHECK(third->why_not_any_more(third->own()->facts(), now_ms()) == "");
  CHECK(third->is_revoked(first->own()->facts()));
}

TEST_CASE("rotation: two CAs count, the old one leaves when nothing in use needs it") {
  Ca ca;
  const auto dir = ca.issue("coordinator/c1", {"127.0.0.1"});
  CHECK(why(ca.authority().end_rotation(false)).find("only one CA is trusted") == 0);
  const auto before = Ca::load(dir);
  REQUIRE(ca.authority().start_rotation({}));
  CHECK(why(ca.authority().start_rotation({})).find("two CAs count") == 0);
  ca.reopen();
  auto during = Ca::load(dir);
  CHECK(during->authorities().size() == 2);
  CHECK(during->why_not_any_more(before->own()->facts(), now_ms()) == "");
  CHECK(why(ca.authority().end_rotation(false)).find("the older CA signed the certificate") == 0);
  ca.issue("app/old");  // signed by the new one already
  REQUIRE(ca.authority().renew("c1", {}));
  during = Ca::load(dir);
  CHECK(before->why_not_any_more(during->own()->facts(), now_ms()).find("none of the CAs") !=
        std::string::npos);
  REQUIRE(ca.authority().end_rotation(false));
  ca.reopen();
  const auto after = Ca::load(dir);
  CHECK(after->authorities().size() == 1);
  CHECK(after->why_not_any_more(after->own()->facts(), now_ms()) == "");
  CHECK(after->why_not_any_more(before->own()->facts(), now_ms()).find("none of the CAs") !=
        std::string::npos);
}

TEST_CASE("revoked during a rotation: a certificate of either CA") {
  Ca ca;
  const auto node = ca.issue("coordinator/c1", {"127.0.0.1"});
  const auto old_web = Ca::load(ca.issue("app/web"));
  REQUIRE(ca.authority().start_rotation({}));
  const auto new_shop = Ca::load(ca.issue("app/shop"));
  REQUIRE(ca.authority().revoke("web"));
  REQUIRE(ca.authority().revoke("shop"));
  const auto judge = Ca::load(node);
  CHECK(judge->is_revoked(old_web->own()->facts()));
  CHECK(judge->is_revoked(new_shop->own()->facts()));
}

TEST_CASE(
    "a directory that is damaged, foreign or open to others is refused with the file's name") {
  Ca ca, other("bank");
  const auto dir = ca.issue("app/web");
  const auto foreign = other.issue("app/web");
  const auto copy = [](const std::string& from, const std::string& to) {
    fs::copy_file(from, to, fs::copy_options::overwrite_existing);
  };
  const auto load = [&] { return why(Credentials::load(dir, now_ms())); };
  CHECK(load() == "");
  ::chmod((dir + "/tls.key").c_str(), 0644);
  CHECK(load().find("tls.key is open to every user of this machine: chmod 0600") !=
        std::string::npos);
  copy(foreign + "/tls.key", dir + "/tls.key");
  ::chmod((dir + "/tls.key").c_str(), 0600);
  CHECK(load().find("tls.key that does not belong to its tls.crt") != std::string::npos);
  copy(foreign + "/tls.crt", dir + "/tls.crt");
  CHECK(load().find("belongs to cluster bank, ca.crt to cluster shop") != std::string::npos);
  std::ofstream(dir + "/revoked.crl") << "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
  CHECK(load().find("revoked.crl is damaged") != std::string::npos);
  std::ofstream(dir + "/ca.crt") << "nothing";
  CHECK(load().find("ca.crt holds no certificate") != std::string::npos);
  fs::remove(dir + "/ca.crt");
  CHECK(load().find("ca.crt is not there") != std::string::npos);
}

TEST_CASE("a forged revocation list is refused; one of another cluster revokes nothing") {
  Ca ca, other("bank");
  const auto web = Ca::load(ca.issue("app/web"));
  ca.issue("coordinator/c1", {"127.0.0.1"});
  REQUIRE(ca.authority().revoke("web"));
  const auto lists = *read_file(ca.files(), ca.dir() + "/revoked.crl");
  const auto own = *parse_certificates(*read_file(ca.files(), ca.dir() + "/ca.crt"));
  const auto foreign = *parse_certificates(*read_file(other.files(), other.dir() + "/ca.crt"));
  CHECK(RevokedSerials::parse(lists, own)->contains(web->own()->facts()));
  CHECK(RevokedSerials::parse(lists, foreign)->size() == 0);
  // Another key under the same name.
  auto names = *parse_certificates(*read_file(ca.files(), ca.dir() + "/ca.crt"));
  X509* const impostor = X509_dup(names.front().handle());
  REQUIRE(X509_set_pubkey(impostor, X509_get0_pubkey(foreign.front().handle())) == 1);
  const std::vector<Certificate> impostors{Certificate(impostor)};
  X509_free(impostor);
  CHECK(why(RevokedSerials::parse(lists, impostors)) == "was not signed by the CA that it names");
}

TEST_CASE("own dates: a process does not start to use what does not count") {
  Ca ca;
  const auto late = ca.issue("app/late", {}, expired());
  const auto early = ca.issue("app/early", {}, not_yet());
  CHECK(why(Credentials::load(late, now_ms())).find("app/late") != std::string::npos);
  CHECK(why(Credentials::load(late, now_ms())).find("has expired") != std::string::npos);
  CHECK(why(Credentials::load(early, now_ms())).find("is not valid yet") != std::string::npos);
}

TEST_CASE("a node that runs does not become another one") {
  Ca ca;
  const auto c1 = ca.issue("coordinator/c1", {"127.0.0.1"});
  const auto c2 = ca.issue("coordinator/c2", {"127.0.0.1"});
  auto store = *CredentialStore::open(c1);
  for (const auto* file : {"tls.crt", "tls.key"})
    fs::copy_file(c2 + "/" + file, c1 + "/" + file, fs::copy_options::overwrite_existing);
  CHECK(why(store->reload()).find("and this node is troth://shop/coordinator/c1") !=
        std::string::npos);
  fs::remove(c1 + "/tls.crt");
  CHECK(why(store->reload()).find("holds no tls.crt") != std::string::npos);
  CHECK(text_of(store->current()->own()->facts().principal) == "troth://shop/coordinator/c1");
}

TEST_CASE("the store takes new files over, and keeps what is in force when they are no good") {
  Ca ca;
  const auto dir = ca.issue("app/web");
  auto store = *CredentialStore::open(dir);
  CHECK_FALSE(store->reload_if_changed());
  const auto before = store->current()->own()->facts().serial;
  REQUIRE(ca.authority().renew("web", {}));
  const auto changed = store->reload_if_changed();
  REQUIRE(changed);
  CHECK(why(*changed) == "");
  const auto after = store->current()->own()->facts().serial;
  CHECK(before != after);
  std::ofstream(dir + "/tls.crt") << "half a fi";
  const auto refused = store->reload_if_changed();
  REQUIRE(refused);
  CHECK(why(*refused).find("tls.crt holds no certificate") != std::string::npos);
  CHECK(store->current()->own()->facts().serial == after);
  CHECK_FALSE(store->reload_if_changed());  // said once
}
