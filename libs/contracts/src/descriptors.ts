/** The descriptors of every proto, as gRPC reflection serves them. */
import { FILE_DESCRIPTOR_SET_BASE64 } from './generated/descriptor-set.ts';

/** A serialized google.protobuf.FileDescriptorSet: all of Millrace's protos and what they import. */
export const fileDescriptorSet: Uint8Array = Buffer.from(FILE_DESCRIPTOR_SET_BASE64, 'base64');
