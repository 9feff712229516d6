/*
 * TLS to servers that are asked by it. Authorities are read into memory when the configuration is
 * (engines open no file later), so a directory of hashed certificates is never used. A server is
 * believed by its certificate: an authority of ours, the configured name; nothing else will do.
 */
#include "resolver/forward_impl.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

SSL_CTX *
forward_tls_new(const char *ca_file, struct err *err)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());

	if (c != NULL && SSL_CTX_load_verify_file(c, ca_file) == 1 &&
	    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) == 1) {
		SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE |
		    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
		SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
		return c;
	}
	err_set(err, "%s holds no certificates that can be read (%s)", ca_file,
	    ERR_reason_error_string(ERR_peek_last_error()));
	ERR_clear_error();
	SSL_CTX_free(c);
	return NULL;
}

SSL *
forward_tls_open(struct forward_server *s, int fd)
{
	SSL *tls = SSL_new(s->tls);

	if (tls != NULL && SSL_set_fd(tls, fd) == 1 && SSL_set1_host(tls, s->tls_name) == 1 &&
	    SSL_set_tlsext_host_name(tls, s->tls_name) == 1) {
		SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		SSL_set_connect_state(tls);
		return tls;
	}
	ERR_clear_error();
	SSL_free(tls);
	return NULL;
}

/* After a call that did not succeed: as errno says it for sockets. */
static ssize_t
failed(SSL *tls, int result, bool *wants_write)
{
	int error = errno;

	switch (SSL_get_error(tls, result)) {
	case SSL_ERROR_WANT_READ:
		*wants_write = false;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_WANT_WRITE:
		*wants_write = true;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		errno = error != 0 ? error : ECONNRESET;
		return -1;
	default:
		errno = EPROTO;
		return -1;
	}
}

int
forward_tls_shake(SSL *tls, bool *wants_write)
{
	int result;

	ERR_clear_error();
	errno = 0;
	result = SSL_do_handshake(tls);
	return result == 1 ? 1 : (int)failed(tls, result, wants_write);
}

ssize_t
forward_tls_read(SSL *tls, void *to, size_t room, bool *wants_write)
{
	int result;

	ERR_clear_error();
	errno = 0;
	result = SSL_read(tls, to, (int)room);
	return result > 0 ? result : failed(tls, result, wants_write);
}

ssize_t
forward_tls_write(SSL *tls, const void *from, size_t length, bool *wants_read)
{
	bool wants_write = true;
	ssize_t n;
	int result;

	ERR_clear_error();
	errno = 0;
	result = SSL_write(tls, from, (int)length);
	n = result > 0 ? result : failed(tls, result, &wants_write);
	*wants_read = n < 0 && errno == EAGAIN && !wants_write;
	return n;
}

void
forward_tls_why(const SSL *tls, char out[static FORWARD_WHY])
{
	long verdict = SSL_get_verify_result(tls);
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	if (verdict != X509_V_OK)
		snprintf(out, FORWARD_WHY, "its certificate is refused: %s",
		    X509_verify_cert_error_string(verdict));
	else
		snprintf(out, FORWARD_WHY, "TLS: %s", reason != NULL ? reason : "it was ended");
	ERR_clear_error();
}
