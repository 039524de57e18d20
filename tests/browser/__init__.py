"""What people see and click: a real JupyterLab, real kernels, a real server and worker, in a real Chromium."""
