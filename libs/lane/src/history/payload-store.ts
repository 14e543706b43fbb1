/** Payloads too large for a frame, written before the frame that names them. */
export interface PayloadStore {
  put(payloads: readonly { readonly name: string; readonly text: string }[]): Promise<void>;
  get(name: string): Promise<string>;
  /** Those that are not there are left. */
  remove(names: readonly string[]): Promise<void>;
}
