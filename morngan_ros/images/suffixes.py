"""How the names of pictures and videos end."""

IMAGE_SUFFIXES = (
    *('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.bmp'),
    *('.pgm', '.ppm', '.pnm', '.pfm'),
)
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.m4v', '.mpg', '.mpeg', '.webm')
