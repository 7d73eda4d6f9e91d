const base64 = (lines: readonly string[]): Buffer => Buffer.from(lines.join(''), 'base64');

/**
 * Two pictures of 96×64 coded by HEVC, which nothing here can write: four quarters of colour and an alpha
 * plane. They are the items of `heif-enc -q 80 quarters.png` (libheif-examples 1.15 of Debian, with x265).
 */
export const codedPictures = {
  colour: {
    hvcC: base64([
      'AQNwAAAAAAAAAAAAHvAA/P34+AAADwMgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQCEAAQArQgEBA3AAAAMAkAAAAwAA',
      'AwAeoDCBBZbqSSmubgQEDAgAAAMACAAAAwAIQCIAAQAHRAHBcrAiQA==',
    ]),
    data: base64([
      'AAAA5SgBrwT42/LpOu3/5MP///5Xruy/yYf4Tul19+OTT/+myn//ohKBHfJlTejXn3FTf0viaNQQPwpMnaoTa83n+uAhulWb',
      'ZKl3l7K3A56A3yusdiX31oHEwzV84GEnHm95Q3ArLEcZi6rR8euuLvm6nEKb/0wGiN/TLDf/9cbcZ1zLn3cLstgkttfn+UUN',
      'kyLZU5NIUNJyQQJ4PblTYTg9li/G2jdDd98Zxl0FLSehVVSOlEb9Yl8X4EL3t/X/8gKP/gg/Vb/g1JX7k8lsGc1KPrrRJ4MZ',
      'OZ2ANtxB+pqmGT85S/2ZZPA=',
    ]),
  },
  alpha: {
    hvcC: base64([
      'AQQIAAAAAAAAAAAAHvAA/Pz4+AAADwMgAAEAF0ABDAH//wQIAAADAJ/4AAADAAAeugJAIQABACZCAQEECAAAAwCf+AAAAwAA',
      'HsDCBBZbqSSmubAgAAADACAAAAMAISIAAQAHRAHBcrAiQA==',
    ]),
    data: base64([
      'AAAA8CgBrgnw7Z+eyb/0RCLBt/fmg92xYMGoua4O+JltKamCzqhgGcBwG6uS4uq2WGZAZ4BPLk4OLqYIvsSZ+Y8JTHSbhjV1',
      '1XcVzanCvIGEn6yHKYth+KU1f0SUCLNIluWtAO5eOkniInH09+wwGHZTkQnaTa8DePnF8XWBu78FZdAusBmM8+Xk9vWobuj0',
      'LSvHdblWEkcfzy0vfpwyKUFDxGSj3kMHeVqiC8tNxRyfVMnYQpBDCK9Z1qqgn+9aDpweifr+Brwp/XUf06RJ4hrDKkuoH07D',
      'L66UVaJ0q9R7vWcsDDdtqru7szhCv1y4OxgU0w==',
    ]),
  },
};
