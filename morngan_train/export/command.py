"""The command `export`: write the ONNX file for the vehicle."""

import argparse
import json
from pathlib import Path

from morngan_train.data.reading import list_images
from morngan_train.data.reading import read_thermal
from morngan_train.export import export
from morngan_train.export import load_trained
from morngan_train.export.onnx_file import ExportError
from morngan_train.export.quantize import calibration_files


def add_parser(commands: 'argparse._SubParsersAction[argparse.ArgumentParser]') -> None:
    """Add `export` to the command line."""
    parser = commands.add_parser(
        'export',
        help='write the ONNX file for the vehicle',
        description='Write the ONNX file for the vehicle and prove that it equals PyTorch.',
    )
    parser.add_argument(
        'checkpoint',
        type=Path,
        nargs='+',
        help='epoch_NNN.pt or last.pt of a run; the weights of several are averaged',
    )
    parser.add_argument('--out', type=Path, required=True, help='file to write, NAME.onnx')
    parser.add_argument('--data-name', default='', help='description of the training data')
    parser.add_argument(
        '--licence', default='Apache-2.0', help='licence of the weights (%(default)s)'
    )
    parser.add_argument('--scores', type=Path, help='JSON file with measured scores')
    parser.add_argument(
        '--int8',
        type=Path,
        nargs='+',
        metavar='FOLDER',
        help='quantise to int8; calibrate on the thermal frames of these folders, with the same '
        'number from each folder',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export a checkpoint; returns the exit code.

    Raises:
        ExportError: The scores cannot be read, or the file would differ from PyTorch.
        CheckpointError: A checkpoint cannot be used.
        DataError: A frame for the calibration cannot be read.
    """
    try:
        scores = json.loads(args.scores.read_text()) if args.scores else {}
    except (OSError, ValueError) as error:
        raise ExportError(f'{args.scores} cannot be read as JSON: {error}') from error
    folders = [list_images(folder) for folder in args.int8 or ()]
    frames = [read_thermal(file) for file in calibration_files(folders)]
    metadata = export(
        load_trained(*args.checkpoint),
        args.out,
        data_name=args.data_name,
        licence=args.licence,
        scores=scores,
        calibration=frames,
    )
    print(json.dumps(metadata, indent=2))
    print(f'wrote {args.out}; copy it to the vehicle and start the node with -p model:={args.out}')
    return 0
