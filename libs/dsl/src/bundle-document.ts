/** Makes a document whole: what it takes from elsewhere, functions and then schemas, is fetched into it. */
import { bundleFunctions, type BundleResult } from './bundle-functions.ts';
import { bundleSchemas } from './bundle-schemas.ts';
import type { FetchText } from './fetch-resource.ts';
import type { WorkflowDocument } from './source-document.ts';

export type { BundleResult, FetchText };

/** A document that takes nothing from elsewhere comes back as it is. */
export async function bundleDocument(document: WorkflowDocument, fetchText: FetchText): Promise<BundleResult> {
  const withFunctions = await bundleFunctions(document, fetchText);
  return withFunctions.kind === 'refused' ? withFunctions : bundleSchemas(withFunctions.document, fetchText);
}
