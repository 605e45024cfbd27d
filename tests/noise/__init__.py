"""How far honest engines are apart: recorded by real engines, kept as server/trust/noise."""
