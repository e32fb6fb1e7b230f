"""lenetgen: trained Keras CNNs to bit-exact HLS C++ and Verilog for the Zynq-7020."""

__version__ = "0.1.0"
