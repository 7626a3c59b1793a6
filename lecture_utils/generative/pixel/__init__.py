"""One pixel after another: PixelCNN and PixelRNN (van den Oord, Kalchbrenner and Kavukcuoglu, ICML 2016)."""
