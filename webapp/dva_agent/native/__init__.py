"""The native engine: onnxruntime on the CPU and Pillow. Never imported in the tab."""
