"""From a public data set, or folders of pictures, to the data folder that training reads."""
