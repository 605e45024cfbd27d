// A GPUDevice of our own: with the adapter's limits (a bare device has those of a phone from years
// ago) and without `subgroups`, with which fused attention gave wrong numbers in silence
// (docs/decisions/0008-the-tab.md).

import { TabError, messageOf } from './errors.js';

/** What onnxruntime-web may need more of than WebGPU promises everybody. */
const RAISED_LIMITS = Object.freeze(
  /** @type {const} */ ([
    'maxBufferSize',
    'maxStorageBufferBindingSize',
    'maxStorageBuffersPerShaderStage',
    'maxComputeWorkgroupStorageSize',
    'maxComputeInvocationsPerWorkgroup',
    'maxComputeWorkgroupSizeX',
    'maxComputeWorkgroupSizeY',
    'maxComputeWorkgroupSizeZ',
    'maxComputeWorkgroupsPerDimension',
  ]),
);

const GET_WEBGPU = 'Use a current Chrome, Edge, Firefox or Safari with its graphics acceleration on.';

/**
 * @typedef {object} Gpu
 * @property {GPUDevice} device
 * @property {string} label of the adapter, for people, 1 to 200 characters
 * @property {() => string | null} lost why the device is gone, or null while it is there
 */

/** 16-bit floats in shaders. */
const HALF = 'shader-f16';

/**
 * @param {{allowSoftware: boolean, half: boolean}} options whether a software adapter will do (the wasm
 *   rung was about 40 times faster than one), and whether shaders are to know 16-bit floats: without
 *   them onnxruntime fails at the first run only
 * @returns {Promise<Gpu>}
 */
export async function openGpu({ allowSoftware, half }) {
  if (!self.isSecureContext) {
    throw new TabError('rung_unavailable', 'Browsers give no graphics card to a page without TLS.', {
      nextStep: 'Open this page by https, or on the machine that serves it.',
      reason: 'insecure',
    });
  }
  if (navigator.gpu === undefined) {
    throw new TabError('rung_unavailable', 'This browser has no WebGPU.', {
      nextStep: GET_WEBGPU,
      reason: 'no_webgpu',
    });
  }
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) {
    throw new TabError('rung_unavailable', 'No graphics card can be used from this browser.', {
      nextStep: GET_WEBGPU,
      reason: 'no_adapter',
    });
  }
  if (!allowSoftware && adapter.info.isFallbackAdapter) {
    throw new TabError('rung_unavailable', 'The graphics card is only imitated by the processor.', {
      nextStep: 'The processor does the work itself, which is faster.',
      reason: 'software_adapter',
    });
  }
  if (half && !adapter.features.has(HALF)) {
    throw new TabError('rung_unavailable', 'This graphics card, or the browser on it, has no 16-bit floats.', {
      reason: 'no_f16',
    });
  }
  /** @type {Record<string, number>} */
  const requiredLimits = {};
  for (const name of RAISED_LIMITS) requiredLimits[name] = adapter.limits[name];
  let device;
  try {
    device = await adapter.requestDevice({ requiredLimits, requiredFeatures: half ? [HALF] : [] });
  } catch (error) {
    throw new TabError('rung_unavailable', `The graphics card gives no device: ${messageOf(error)}`);
  }
  /** @type {string | null} */
  let lost = null;
  device.lost.then(({ reason, message }) => {
    lost = message || reason;
  });
  return { device, label: labelOf(adapter.info), lost: () => lost };
}

/** @param {GPUAdapterInfo} info */
function labelOf({ vendor, architecture, device, description }) {
  const words = description ? [vendor, description] : [vendor, architecture, device];
  return words.filter(Boolean).join(' ').slice(0, 200) || 'a graphics card without a name';
}
