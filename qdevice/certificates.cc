// Asio must see std::exchange before its awaitable header: <utility> first (Boost 1.74).
#include <utility>

#include "qdevice/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <boost/asio/ssl/context.hpp>

namespace systole::qdevice {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr long kValidDays = 10L * 365;

using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using Certificate = std::unique_ptr<X509, void (*)(X509*)>;
using Bio = std::unique_ptr<BIO, int (*)(BIO*)>;

tl::unexpected<Error> failed(const char* what) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  return fail(Errc::kIo, "cannot {}: {}", what, text.data());
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::string pem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_X509(bio.get(), certificate);
  return text_of(bio.get());
}

std::string pem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio.get());
}

Certificate certificate_of(const std::string& text) {
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
  return {PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free};
}

Key key_of(const std::string& text) {
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
  return {PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free};
}

bool extend(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value), &X509_EXTENSION_free);
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// A certificate for `key` in the name `name`, signed by `issuer` (none: by itself, an authority).
Certificate sign(EVP_PKEY* key, const std::string& name, X509* issuer, EVP_PKEY* issuer_key, WallTime now) {
  Certificate c(X509_new(), &X509_free);
  X509_set_version(c.get(), 2);
  std::array<unsigned char, 16> serial{};
  RAND_bytes(serial.data(), static_cast<int>(serial.size()));
  serial[0] = static_cast<unsigned char>(serial[0] & 0x7f);
  const std::unique_ptr<BIGNUM, void (*)(BIGNUM*)> number(
      BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr), &BN_free);
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(c.get()));
  // From a day ago: clocks of hosts differ.
  std::time_t from = epoch_seconds(now) - 86400;
  ASN1_TIME_set(X509_getm_notBefore(c.get()), from);
  ASN1_TIME_adj(X509_getm_notAfter(c.get()), from, static_cast<int>(kValidDays), 0);
  X509_NAME* subject = X509_get_subject_name(c.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509* by = issuer != nullptr ? issuer : c.get();
  X509_set_issuer_name(c.get(), X509_get_subject_name(by));
  X509_set_pubkey(c.get(), key);
  const bool ok = extend(c.get(), by, NID_basic_constraints,
                         issuer == nullptr ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
                  extend(c.get(), by, NID_subject_key_identifier, "hash") &&
                  (issuer == nullptr || extend(c.get(), by, NID_ext_key_usage, "serverAuth,clientAuth"));
  if (!ok || X509_sign(c.get(), issuer_key, EVP_sha256()) == 0) return {nullptr, &X509_free};
  return c;
}

Result<std::string> read_text(Files& files, const std::string& path) {
  const auto bytes = files.read(path);
  if (!bytes)
    return fail(bytes.error().code,
                "{}: make certificates with  systole-qnetd --init  on the arbitrator's host, and "
                "systole-qnetd --sign CLUSTER  for the cluster's nodes",
                bytes.error().message);
  return std::string(bytes->begin(), bytes->end());
}

ByteView as_view(const std::string& text) { return as_bytes(text); }

Result<std::shared_ptr<asio::ssl::context>> context_of(const Credentials& credentials,
                                                       asio::ssl::context::method method) {
  auto context = std::make_shared<asio::ssl::context>(method);
  context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                       asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                       asio::ssl::context::no_tlsv1_1);
  error_code error;
  context->add_certificate_authority(asio::buffer(credentials.authority), error);
  if (error) return fail(Errc::kInvalidConfig, "ca.pem is no certificate: {}", error.message());
  context->use_certificate_chain(asio::buffer(credentials.certificate), error);
  if (error) return fail(Errc::kInvalidConfig, "cert.pem is no certificate: {}", error.message());
  context->use_private_key(asio::buffer(credentials.key), asio::ssl::context::pem, error);
  if (error) return fail(Errc::kInvalidConfig, "key.pem is not the key of cert.pem: {}", error.message());
  return context;
}

}  // namespace

Result<Authority> make_authority(WallTime now) {
  const Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  if (!key) return failed("make a key");
  const Certificate certificate = sign(key.get(), "Systole QNetd CA", nullptr, key.get(), now);
  if (!certificate) return failed("sign the authority's certificate");
  return Authority{pem(certificate.get()), pem(key.get())};
}

Result<Credentials> make_credentials(const Authority& authority, const std::string& name, WallTime now) {
  if (name.empty() || name.size() > 64)
    return fail(Errc::kInvalidArgument, "a name in a certificate must have 1 to 64 characters, not {}",
                name.size());
  const Key issuer_key = key_of(authority.key);
  const Certificate issuer = certificate_of(authority.certificate);
  if (!issuer_key || !issuer) return failed("read the authority's certificate and key");
  const Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  if (!key) return failed("make a key");
  const Certificate certificate = sign(key.get(), name, issuer.get(), issuer_key.get(), now);
  if (!certificate) return failed("sign the certificate");
  return Credentials{authority.certificate, pem(certificate.get()), pem(key.get())};
}

Result<Credentials> load_credentials(Files& files, const std::string& folder) {
  Credentials c;
  for (const auto& [name, text] :
       {std::pair("ca.pem", &c.authority), {"cert.pem", &c.certificate}, {"key.pem", &c.key}}) {
    auto read = read_text(files, folder + "/" + name);
    if (!read) return fail(read.error());
    *text = std::move(*read);
  }
  return c;
}

Result<Authority> load_authority(Files& files, const std::string& folder) {
  auto certificate = read_text(files, folder + "/ca.pem");
  if (!certificate) return fail(certificate.error());
  auto key = read_text(files, folder + "/ca.key");
  if (!key) return fail(key.error());
  return Authority{std::move(*certificate), std::move(*key)};
}

Result<void> store(Files& files, const std::string& folder, const Credentials& credentials) {
  if (auto made = files.make_directory(folder, 0750); !made) return made;
  if (auto w = files.write_atomic(folder + "/ca.pem", as_view(credentials.authority), 0644); !w) return w;
  if (auto w = files.write_atomic(folder + "/cert.pem", as_view(credentials.certificate), 0644); !w) return w;
  return files.write_atomic(folder + "/key.pem", as_view(credentials.key), 0600);
}

Result<void> store(Files& files, const std::string& folder, const Authority& authority) {
  if (auto made = files.make_directory(folder, 0750); !made) return made;
  if (auto w = files.write_atomic(folder + "/ca.pem", as_view(authority.certificate), 0644); !w) return w;
  return files.write_atomic(folder + "/ca.key", as_view(authority.key), 0600);
}

Result<std::shared_ptr<asio::ssl::context>> server_context(const Credentials& credentials,
                                                           bool client_certificates) {
  auto context = context_of(credentials, asio::ssl::context::tls_server);
  if (context && client_certificates)
    (*context)->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
  return context;
}

Result<std::shared_ptr<asio::ssl::context>> client_context(const Credentials& credentials) {
  auto context = context_of(credentials, asio::ssl::context::tls_client);
  if (!context) return context;
  (*context)->set_verify_mode(asio::ssl::verify_peer);
  (*context)->set_verify_callback([](bool good, asio::ssl::verify_context& verify) {
    if (!good || X509_STORE_CTX_get_error_depth(verify.native_handle()) > 0) return good;
    std::array<char, 65> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(X509_STORE_CTX_get_current_cert(verify.native_handle())),
                              NID_commonName, name.data(), static_cast<int>(name.size()));
    return std::string_view(name.data()) == kArbitratorName;
  });
  return context;
}

}  // namespace systole::qdevice
