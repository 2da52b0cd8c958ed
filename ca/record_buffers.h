#ifndef SALLYPORT_CA_RECORD_BUFFERS_H_
#define SALLYPORT_CA_RECORD_BUFFERS_H_

namespace sallyport::ca {

// Makes OpenSSL take the buffers of TLS records, which it asks for and gives back with every record
// so that idle connections hold none, from a small stock of each thread: malloc(3) walks its lists
// of large blocks for them. Call it before anything else of OpenSSL's; false when that is too late,
// and over BoringSSL, where nothing changes. Builds with a sanitizer keep every block apart and
// have no use for it.
bool PoolRecordBuffers();

}  // namespace sallyport::ca

#endif  // SALLYPORT_CA_RECORD_BUFFERS_H_
