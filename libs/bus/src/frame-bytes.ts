/**
 * A frame's text as the bytes of a message: plain UTF-8, or Zstandard when that is worth it.
 * A reader tells them apart by the first byte: a frame's text begins with `{`, Zstandard with 0x28 (RFC 8878).
 */
import { zstdCompressSync, zstdDecompressSync, constants } from 'node:zlib';

/** Shorter texts are not compressed, in bytes: setting a compression up costs more than the disk saves. */
const COMPRESS_FROM_BYTES = 16 * 1024;
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** @param text the frame's text as UTF-8; what is returned shares nothing with it. */
export function packFrame(text: Uint8Array): Uint8Array {
  return text.length < COMPRESS_FROM_BYTES ? Buffer.from(text) : zstdCompressSync(text, OPTIONS);
}

export function unpackFrame(bytes: Uint8Array): string {
  const first = bytes[0];
  const plain = first === 0x28 ? zstdDecompressSync(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return plain.toString('utf8');
}
